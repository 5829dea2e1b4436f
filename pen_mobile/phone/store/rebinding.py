"""What happens to a store when its bundle is another one than before."""

from __future__ import annotations

from dataclasses import dataclass

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.bundle_binding import BundleBinding, Row
from pen_mobile.phone.store.checkpoints import Checkpoints
from pen_mobile.phone.store.event_log import EventLog
from pen_mobile.phone.store.head_record import version_words
from pen_mobile.phone.store.head_versions import HeadVersions
from pen_mobile.phone.store.rows import Rows
from pen_mobile.phone.store.samples import SampleTable


@dataclass(frozen=True)
class Rebinding:
    """Binds the tables of a store to another bundle.

    Attributes:
        rows: the store's tables.
        samples: labelled samples.
        heads: head versions.
        checkpoints: the adaptation under way.
        events: the log.
    """

    rows: Rows
    samples: SampleTable
    heads: HeadVersions
    checkpoints: Checkpoints
    events: EventLog

    def change_to(self, binding: BundleBinding, *, allow_older: bool = False) -> str | None:
        """Bind the store to a bundle, in one transaction; return what changed, for people.

        Samples and the head in use stay when backbone and targets are the same and the head has the same size. Of
        another backbone or of other targets, which :mod:`~pen_mobile.phone.store.opening` lets pass only where they
        are to be forgotten, samples and the parameters of all heads are deleted; what the heads measured stays.

        Args:
            binding: of the bundle.
            allow_older: take a bundle of the same model with a lower serial than the store has seen.

        Raises:
            BadInput: the store has seen a newer bundle of this model.
        """
        with self.rows.reading():
            if binding.is_in(self.rows.binding):
                return None
        with self.rows.writing():
            row = self.rows.binding
            if binding.is_in(row):
                return None  # another process was faster
            if not allow_older:
                self._refuse_older(binding, row)
            change = self._change(binding, row)
            row.update(binding.columns)
            return change

    def _refuse_older(self, binding: BundleBinding, row: Row) -> None:
        if row["model"] and binding.model in ("", row["model"]) and binding.serial < row["serial"]:
            raise BadInput(
                f"{self.rows.database.path} was used with a newer bundle of {row['model']} (serial {row['serial']}; "
                f"this one has {binding.serial or 'none'}); give the newer one, or allow the older one (--allow-older)"
            )

    def _change(self, binding: BundleBinding, row: Row) -> str | None:
        if not binding.understands(row):
            return self._forget_samples(binding, row)
        if row["head_bytes"] is None and binding.head_bytes is not None:
            self._drop_slots(binding.head_bytes)
            return self._leave_unfit_head(binding)
        if (row["head_bytes"], row["head"]) == (binding.head_bytes, binding.head):
            return self._leave_unfit_head(binding)  # the same bundle, exported or noted in another way
        return self._change_head(binding)

    def _forget_samples(self, binding: BundleBinding, row: Row) -> str:
        why = "other targets" if binding.has_backbone_of(row) else "another backbone"
        records = self.samples.records()
        count = len(records)
        self.samples.delete(records)
        self.checkpoints.clear()
        self.heads.drop_parameters()
        row["generation"] += 1
        detail = {"from": row["backbone"], "to": binding.backbone, "samples": count}
        row.update(binding.columns)
        self.events.note("rebased", detail)
        return f"{why}: {count} samples of the old one are deleted; the bundle's initial head is in use"

    def _change_head(self, binding: BundleBinding) -> str:
        left = self._leave_unfit_head(binding)
        version = self.heads.active().version
        self.rows.binding["generation"] += 1
        if left is None:
            self.events.note("bundle-changed", {"head_in_use": version})
        in_use = version_words(version) + ("" if version is None else ", adapted from the old one,")
        return left or f"the bundle ships another head; the samples carry over, and {in_use} is in use"

    def _leave_unfit_head(self, binding: BundleBinding) -> str | None:
        version = self.heads.active().version
        if version is None or self.heads.size(version) == binding.head_bytes:
            return None
        self.heads.supersede()
        self.events.note("bundle-changed", {"head_in_use": None, "left": version})
        return (
            f"the bundle's head has another size; the samples carry over, version {version} stays in the history, "
            "and the bundle's initial head is in use"
        )

    def _drop_slots(self, head_bytes: int) -> None:
        """Cut what releases before schema 3 kept behind the parameters: slots, and the two scalars of Adam."""
        longer = {2 * head_bytes, 3 * head_bytes, 3 * head_bytes + 8}
        for version, size in self.heads.sizes().items():
            if size in longer:
                self.heads.replace_parameters(version, self.heads.parameters(version)[:head_bytes])
