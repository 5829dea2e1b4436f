package penmobile.session

/** Rows of the report `[R, K]` that this library reads; the number of a row is its place here. */
enum class ReportRow {
    VERDICT,
    ERROR_NOT_ADAPTED,
    ERROR_OWN_MEAN,
    ERROR_ADAPTED,
    UNCERTAINTY,
    EFFECTIVE_LABELS,
    CHECK,
}

/** What the method `adapt` decided about one target; the number of a verdict is its place here. */
enum class Verdict {
    ADAPTED,
    NO_LABELS,
    CONTRADICTS_HEAD,
    WORSE_LEFT_OUT,
    TOO_ROUGH,
    ALL_ALIKE,
    SURPRISING,
}

/**
 * The change of one target, on labels that were left out of training.
 *
 * @property before error of the shipped head, RMSE in units of the labels; [after] of the adapted one.
 * @property ownMean error of always answering the mean of the person's labels.
 * @property uncertainty standard error of `after - before`.
 * @property effectiveLabels independent labels that the labels are worth.
 * @property unit half the width of the range of labels: errors are on the labels' own scale.
 * @property check agreement of labels and shipped head, in standard deviations of honest label sets.
 */
data class TargetVerdict(
    val target: String,
    val verdict: Verdict,
    val before: Double,
    val after: Double,
    val ownMean: Double,
    val uncertainty: Double,
    val effectiveLabels: Double,
    val check: Double,
    val unit: Double = 1.0,
) {
    /** Whether the error fell (-1), stayed the same (0) or grew (1). */
    val change: Int get() = compared(after, before, unit)

    /** The same against always answering the own mean. */
    val againstOwnMean: Int get() = compared(after, ownMean, unit)

    companion object {
        /**
         * Read the report of the method `adapt`.
         *
         * @param report `[R, K]`, row by row; rows behind those of [ReportRow] are for later releases.
         * @param targets names of the K targets.
         * @param unit half the width of the range of labels.
         */
        fun of(report: FloatArray, targets: List<String>, unit: Double = 1.0): List<TargetVerdict> {
            require(report.size >= ReportRow.values().size * targets.size) { "a report of ${report.size} numbers is too short" }
            return targets.mapIndexed { column, target ->
                fun number(row: ReportRow): Double = finite(report[row.ordinal * targets.size + column])
                TargetVerdict(
                    target,
                    verdict(number(ReportRow.VERDICT)),
                    unit * number(ReportRow.ERROR_NOT_ADAPTED),
                    unit * number(ReportRow.ERROR_ADAPTED),
                    unit * number(ReportRow.ERROR_OWN_MEAN),
                    unit * number(ReportRow.UNCERTAINTY),
                    number(ReportRow.EFFECTIVE_LABELS),
                    number(ReportRow.CHECK),
                    unit,
                )
            }
        }

        /** Infinity stands for what is no number. */
        private fun finite(value: Float): Double = if (value.isNaN()) Double.POSITIVE_INFINITY else value.toDouble()

        /** What a program must not say counts as worse. */
        private fun verdict(number: Double): Verdict =
            Verdict.values().firstOrNull { it.ordinal.toDouble() == number } ?: Verdict.WORSE_LEFT_OUT
    }
}
