"""A bundle is updated under an owner's store: what carries over, what does not, and that this is said."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pen_mobile.cli.main import cli
from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle, seal
from pen_mobile.errors import BadInput
from pen_mobile.phone.binding import binding_of
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.bundle_binding import BundleBinding
from pen_mobile.phone.store.head_versions import ActiveHead, ConcurrentUpdateError
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import blob, in_use, kinds

BINDING = BundleBinding("b" * 64, 8, 400, head="c" * 64, program="d" * 64)
OTHER_HEAD = replace(BINDING, head="e" * 64)
LARGER_HEAD = replace(BINDING, head="e" * 64, head_bytes=500)
OTHER_BACKBONE = replace(BINDING, backbone="f" * 64, program="0" * 64)
OTHER_TARGETS = replace(BINDING, targets=("valence", "arousal", "dominance"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three samples, and a head that was adapted twice."""
    path = tmp_path / "me.sqlite"
    with Store(path, BINDING) as opened:
        opened.add(np.eye(3, 8, dtype=np.float32), np.zeros((3, 2), np.float32))
        for value in (1, 2):
            opened.accept(blob(value), {"reason": f"better {value}"}, started_from=opened.heads.active())
    return path


class TestSameBackbone:
    def test_the_same_bundle_changes_nothing(self, store: Path) -> None:
        before = store.read_bytes()
        with Store(store, BINDING) as opened:
            assert opened.change is None
            assert opened.heads.active() == ActiveHead(1, 2)
        assert store.read_bytes() == before

    def test_another_shipped_head_of_the_same_size_keeps_samples_and_states(self, store: Path) -> None:
        with Store(store, OTHER_HEAD) as opened:
            assert "version 2, adapted from the old one, is in use" in str(opened.change)
            assert len(opened.samples().weight) == 3
            assert in_use(opened) == (2, blob(2))
            assert kinds(opened) == ["bundle-changed"]
            assert opened.rollback() == 1
        with Store(store, OTHER_HEAD) as opened:
            assert opened.change is None

    def test_a_head_of_another_size_keeps_samples_and_leaves_states_in_the_history(self, store: Path) -> None:
        with Store(store, LARGER_HEAD) as opened:
            assert "version 2 stays in the history" in str(opened.change)
            assert len(opened.samples().weight) == 3
            assert in_use(opened) is None
            assert opened.accept(blob(3, 125), {}, started_from=opened.heads.active()) == 3
            assert [(state["status"], state["parent"]) for state in opened.heads.history()] == [
                ("superseded", None),
                ("superseded", 1),
                ("active", None),
            ]
            assert opened.rollback() is None  # never to a head that does not fit
            assert opened.events.entries()[0]["detail"] == {"head_in_use": None, "left": 2}

    def test_the_identity_takes_the_place_of_the_programs_hash(self, tmp_path: Path) -> None:
        """A store of an older release knew the backbone by its program; the next program is another file."""
        old = replace(BINDING, backbone="d" * 64, program=None)
        Store(tmp_path / "me.sqlite", old).close()
        with Store(tmp_path / "me.sqlite", BINDING) as opened:
            assert (opened.change, kinds(opened)) == (None, [])
        Store(tmp_path / "me.sqlite", replace(BINDING, program="9" * 64)).close()


class TestOlderBundle:
    MODEL = replace(BINDING, model="affect", serial=7)

    @pytest.fixture
    def used(self, store: Path) -> Path:
        Store(store, self.MODEL).close()
        return store

    def test_a_bundle_with_a_lower_serial_is_refused_unless_one_says_so(self, used: Path) -> None:
        older = replace(self.MODEL, serial=6)
        with pytest.raises(BadInput, match=r"newer bundle of affect \(serial 7; this one has 6\)") as refused:
            Store(used, older)
        assert "\n" not in str(refused.value)
        with Store(used, older, StoreOptions(allow_older_bundle=True)) as opened:
            assert opened.bundle["serial"] == 6

    def test_a_bundle_without_a_serial_does_not_make_a_store_forget_it(self, used: Path) -> None:
        with pytest.raises(BadInput, match=r"newer bundle of affect \(serial 7; this one has none\)"):
            Store(used, replace(self.MODEL, model="", serial=0))

    @pytest.mark.parametrize("change", [{"serial": 7}, {"serial": 8}, {"model": "other", "serial": 1}])
    def test_other_bundles_are_taken(self, used: Path, change: dict[str, object]) -> None:
        with Store(used, replace(self.MODEL, **change)) as opened:  # type: ignore[arg-type]
            assert len(opened.samples().weight) == 3


class TestOtherTargets:
    @pytest.mark.parametrize("targets", [OTHER_TARGETS.targets, ("arousal", "valence"), ("valence", "tension")])
    def test_it_is_refused_unchanged_and_the_way_out_is_named(self, store: Path, targets: tuple[str, ...]) -> None:
        before = store.read_bytes()
        wanted = r"holds labels of valence, arousal; this bundle's targets are .*rebase"
        with pytest.raises(BadInput, match=wanted) as refused:
            Store(store, replace(BINDING, targets=targets))
        assert "\n" not in str(refused.value)
        assert store.read_bytes() == before

    def test_forgetting_deletes_samples_and_heads_and_says_so(self, store: Path) -> None:
        with Store(store, OTHER_TARGETS, options=StoreOptions(on_other_backbone="forget")) as opened:
            assert "other targets: 3 samples of the old one are deleted" in str(opened.change)
            assert (len(opened.samples().weight), in_use(opened), opened.targets) == (0, None, OTHER_TARGETS.targets)
            assert len(opened.heads.history()) == 2
        with pytest.raises(BadInput, match="holds labels of valence, arousal, dominance"):
            Store(store, BINDING)


class TestAnotherBackbone:
    @pytest.mark.parametrize("binding", [OTHER_BACKBONE, replace(BINDING, feature_size=16)])
    def test_it_is_refused_unchanged_and_the_way_out_is_named(self, store: Path, binding: BundleBinding) -> None:
        before = store.read_bytes()
        with pytest.raises(BadInput, match=r"another backbone .* 'pen-mobile phone rebase' deletes them") as refused:
            Store(store, binding)
        assert "\n" not in str(refused.value)
        assert store.read_bytes() == before

    def test_forgetting_deletes_features_and_heads_and_keeps_the_history(self, store: Path) -> None:
        with Store(store, OTHER_BACKBONE, options=StoreOptions(on_other_backbone="forget")) as opened:
            assert "3 samples of the old one are deleted" in str(opened.change)
            assert len(opened.samples().weight) == 0
            assert opened.heads.active() == ActiveHead(2, None)
            assert [(state["reason"], state["kept"]) for state in opened.heads.history()] == [
                ("better 1", False),
                ("better 2", False),
            ]
            detail = {"from": BINDING.backbone, "to": OTHER_BACKBONE.backbone, "samples": 3}
            assert opened.events.entries()[0]["detail"] == detail
        with pytest.raises(BadInput, match="another backbone"):
            Store(store, BINDING)

    def test_forgetting_is_for_another_backbone_only(self, store: Path) -> None:
        with Store(store, BINDING, StoreOptions(on_other_backbone="forget")) as opened:
            assert len(opened.samples().weight) == 3
            assert in_use(opened) == (2, blob(2))

    def test_a_process_with_the_old_bundle_cannot_go_on(self, store: Path) -> None:
        """Its features and its head would be of the old backbone."""
        old = Store(store, BINDING)
        started_from = old.heads.active()
        Store(store, OTHER_BACKBONE, options=StoreOptions(on_other_backbone="forget")).close()
        with pytest.raises(BadInput, match="another backbone"):
            old.add(np.ones((1, 8), np.float32), np.zeros((1, 2), np.float32))
        for attempt in (
            lambda: old.accept(blob(3), {}, started_from=started_from),
            lambda: old.reject({}, started_from=started_from),
        ):
            with pytest.raises(ConcurrentUpdateError, match="the bundle was changed"):
                attempt()
        assert len(old.samples().weight) == 0
        assert len(old.heads.history()) == 2


def changed(bundle: BundleFolder, to: Path, **backbone: object) -> Path:
    """A copy of a bundle whose manifest says something else about the backbone."""
    shutil.copytree(bundle.path, to)
    assert bundle.manifest.backbone is not None
    part = bundle.manifest.backbone.model_copy(update=backbone)
    seal(to, bundle.manifest.model_copy(update={"backbone": part}))
    return to


class TestWithBundles:
    @pytest.mark.slow
    def test_a_store_knows_a_backbone_by_its_identity(self, bundle_folder: Path) -> None:
        bundle = open_bundle(bundle_folder)
        assert bundle.manifest.backbone is not None
        binding = binding_of(bundle)
        assert binding.backbone == bundle.manifest.backbone.identity
        assert binding.program == bundle.manifest.files["backbone.pte"].sha256

    def test_a_phone_moves_to_another_backbone_only_when_told(self, bundle_folder: Path, tmp_path: Path) -> None:
        store, other = (
            tmp_path / "me.sqlite",
            changed(open_bundle(bundle_folder), tmp_path / "other", identity="a" * 64),
        )
        with Phone.open(bundle_folder, store) as phone:
            size = phone.manifest.head.feature_size
            phone.add_labels(np.ones((1, size), np.float32), np.zeros((1, 2), np.float32))
        with pytest.raises(BadInput, match="another backbone"):
            Phone.open(other, store)
        with Phone.open(other, store, options=StoreOptions(on_other_backbone="forget")) as phone:
            assert phone.status().samples == 0
            np.testing.assert_array_equal(phone.parameters, phone.runtime.head_parameters())

    def test_rebase_on_the_command_line(self, bundle_folder: Path, tmp_path: Path) -> None:
        bundle, store = open_bundle(bundle_folder), tmp_path / "me.sqlite"
        other = changed(bundle, tmp_path / "other", identity="a" * 64)
        with Store(store, binding_of(bundle)) as opened:
            size = binding_of(bundle).feature_size
            opened.add(np.eye(2, size, dtype=np.float32), np.zeros((2, 2), np.float32))

        def rebase(to: Path, *options: str) -> BaseException | None:
            command = ["phone", "rebase", "--store", str(store), "--bundle", str(to), *options]
            return CliRunner().invoke(cli, command).exception

        assert "has the store's own backbone" in str(rebase(bundle_folder, "--yes"))
        assert "deletes 2 samples and the heads made from them for good" in str(rebase(other))
        assert rebase(other, "--yes") is None
        with Store(store, binding_of(open_bundle(other))) as opened:
            assert (len(opened.samples().weight), kinds(opened)) == (0, ["rebased"])
