package penmobile

import kotlin.contracts.ExperimentalContracts
import kotlin.contracts.contract

/** What went wrong: the screen has one sentence and one way on for each. */
enum class Problem {
    /** The bundle or its archive is not one. */
    NOT_A_BUNDLE,

    /** The bundle carries no signature, and the app asks for one. */
    NOT_SIGNED,

    /** The signature is not the maker's: the bundle is forged or was changed. */
    FORGED,

    /** A byte of the bundle differs from what its maker sealed. */
    BUNDLE_DAMAGED,

    /** The bundle has a schema version that this release does not read. */
    BUNDLE_NEWER,

    /** The store has seen a newer bundle of this model. */
    BUNDLE_OLDER,

    /** The bundle is for another system. */
    BUNDLE_FOREIGN,

    /** The runtime refuses a program, or returned an error. */
    RUNTIME,

    /** The file is no personal store. */
    NOT_A_STORE,

    /** The store's file is damaged. */
    STORE_DAMAGED,

    /** A newer release made the store. */
    STORE_NEWER,

    /** The store belongs to another backbone or other targets: its samples mean nothing to this bundle. */
    OTHER_BACKBONE,

    /** The key is not the store's, or is missing. */
    WRONG_KEY,

    /** The disk is full, or refuses. */
    DISK,

    /** Another process holds the store. */
    BUSY,

    /** Another head came into use, or data were deleted, while one was adapted. */
    OVERTAKEN,

    /** What the caller gave cannot be used; the message says why. */
    BAD_INPUT,
}

/**
 * An error with one clear line.
 *
 * @property problem its kind, for the screen.
 */
class PenException(val problem: Problem, message: String, cause: Throwable? = null) : Exception(message, cause)

/** Throw unless [condition] holds. */
@OptIn(ExperimentalContracts::class)
internal inline fun demand(condition: Boolean, problem: Problem, message: () -> String) {
    contract { returns() implies condition }
    if (!condition) throw PenException(problem, message())
}
