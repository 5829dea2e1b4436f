"""A phone in Python, written from export/BUNDLE.md alone, as crop_numbers.py and face_numbers.py are."""

import hashlib
import json
import re
import sqlite3
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
from executorch.runtime import Runtime

from tests.contract.crop_numbers import crop
from tests.contract.face_numbers import find_face

SCHEMA = json.loads((Path(__file__).parent.parent.parent / "export" / "manifest.schema.json").read_text())
MANIFEST, SEAL, NAME = "manifest.json", "manifest.json.sha256", r"[a-z0-9][a-z0-9_.-]{0,63}"
KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class Refused(Exception): ...


def need(condition, reason):
    if not condition:
        raise Refused(reason)


def fits(value, schema):  # the part of JSON Schema that manifest.schema.json uses
    if "$ref" in schema:
        return fits(value, SCHEMA["$defs"][schema["$ref"].split("/")[-1]])
    wrong = "anyOf" in schema and not any(fits(value, one) for one in schema["anyOf"])
    kind, number = schema.get("type"), isinstance(value, int | float) and not isinstance(value, bool)
    if kind in ("integer", "number"):
        low, high = schema.get("minimum", -np.inf), schema.get("maximum", np.inf)
        above, below = schema.get("exclusiveMinimum", -np.inf), schema.get("exclusiveMaximum", np.inf)
        return number and (kind == "number" or value == int(value)) and low <= value <= high and above < value < below
    wrong = wrong or (kind and not isinstance(value, KINDS[kind]))
    if wrong or value != schema.get("const", value) or value not in schema.get("enum", [value]):
        return False
    if isinstance(value, str):
        return bool(re.search(schema.get("pattern", ""), value))
    if isinstance(value, list):
        items = [*schema.get("prefixItems", []), *[schema.get("items", {})] * len(value)][: len(value)]
        return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 64) and all(map(fits, value, items))
    if isinstance(value, dict):
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {}).items()
        others = schema.get("additionalProperties", True)
        found = {k: known.get(k) or next((s for p, s in patterns if re.search(p, k)), others) for k in value}
        whole = set(schema.get("required", [])) <= set(value)
        return whole and all(one is True or (one and fits(value[key], one)) for key, one in found.items())
    return True


def once(pairs):
    need(len(dict(pairs)) == len(pairs), "json")
    return dict(pairs)


def unpack(path, again):  # an archive is right when packing its files again gives the same bytes
    try:
        with zipfile.ZipFile(path) as packed:
            stored = [e for e in packed.infolist() if e.compress_type == 0 and re.fullmatch(NAME, e.orig_filename)]
            files = {entry.orig_filename: packed.read(entry) for entry in stored}
    except Exception:  # noqa: BLE001  zipfile raises almost anything
        raise Refused("archive") from None
    with zipfile.ZipFile(again, "w") as packed:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.create_system = 0o644 << 16, 3
            packed.writestr(entry, files[name])
    need(again.read_bytes() == path.read_bytes(), "archive")
    return files


def open_bundle(files):  # name -> bytes
    for name, most in ((MANIFEST, 1 << 20), (SEAL, 128)):
        need(name in files, "missing")
        need(len(files[name]) <= most, "large")
    need(files[SEAL] == f"{hashlib.sha256(files[MANIFEST]).hexdigest()}  {MANIFEST}\n".encode(), "seal")
    try:
        found = json.loads(files[MANIFEST], object_pairs_hook=once)
    except ValueError:
        raise Refused("json") from None
    need(found.get("schema_version") == 2, "version")
    need(fits(found, SCHEMA), "schema")
    head, listed = found["head"], found["files"]
    need(len({*found["targets"]}) == len(found["targets"]) == head["target_count"], "disagree")
    need(found["label_range"][0] < found["label_range"][1], "disagree")
    need(found["adaptation"]["optimizer"] in [part["optimizer"] for part in head["train"]], "disagree")
    need(found["adaptation"]["strategy"] != "prior" or head.get("adapt"), "disagree")
    named = {part["file"] for part in (head, found["golden"], found["backbone"], found.get("face")) if part}
    need(named | {head["head_parameters"], found["store_schema"]} <= {*listed}, "disagree")
    need({*files} <= {*listed, MANIFEST, SEAL, MANIFEST + ".sig"} and not {MANIFEST, SEAL} & {*listed}, "names")
    need({*listed} <= {*files}, "missing")
    for name, part in listed.items():
        need(len(files[name]) == part["bytes"], "size")
        need(hashlib.sha256(files[name]).hexdigest() == part["sha256"], "hash")
    shape = (1, head["expert_count"] * (1 + head["target_count"]), head["feature_size"] + 1)
    need(len(files[head["head_parameters"]]) == 4 * np.prod(shape), "parameters")
    return found, np.frombuffer(files[head["head_parameters"]], "<f4").reshape(shape)


class Phone:
    def __init__(self, files):
        self.manifest, self.head = open_bundle(files)
        parts = [self.manifest[key] for key in ("head", "backbone", "face") if self.manifest.get(key)]
        self.programs = [Runtime.get().load_program(files[part["file"]]) for part in parts]
        self.methods = {name: one.load_method(name) for one in self.programs for name in one.method_names}

    def call(self, method, *inputs):  # outputs are views of the method's memory: copied
        tensors = [torch.from_numpy(np.ascontiguousarray(array, np.float32)) for array in inputs]
        return [output.numpy().copy() for output in self.methods[method].execute(tensors)]

    def eyes(self, image):
        part = self.manifest["face"]
        return find_face(image, part, lambda square: self.call(part["method"], square.transpose(2, 0, 1)[None]))

    def features(self, image, eyes):  # -> frame, z
        part = self.manifest["backbone"]
        frame = crop(image, eyes[:2], eyes[2:], *(part["crop"][key] for key in ("size", "margin", "eye_height")))
        return frame, self.call(part["method"], frame.transpose(2, 0, 1)[None])[0]

    def predict(self, head, z):
        part = self.manifest["head"]["predict"]
        padded = np.pad(z, [(0, part["batch"] - len(z)), (0, 0)])[None]
        return [output[0, : len(z)] for output in self.call(part["method"], head, padded)]

    def adapt(self, z, labels, weight, captured_at):  # -> head, report, accepted, rows that were taken
        part, seconds = self.manifest["head"]["adapt"], np.round(captured_at - captured_at[0], 3)
        time = np.cumsum([0, *np.minimum(np.diff(seconds), 20 * max(part["noise_seconds"]))])
        kept = list(range(len(time)))
        while len(kept) > part["labels"]:
            del kept[1 + int(np.argmin(np.diff(time[kept])))]
        rows = [*kept, *[-1] * (part["labels"] - len(kept))]  # padding: any row
        padded = [z[rows], labels[rows], weight[rows] * (np.arange(len(rows)) < len(kept)), time[rows]]
        head, (report,) = self.call(part["method"], self.head, *(array[None] for array in padded))
        return head, report, 0 in report[0] and bool(np.isfinite(head).all()), kept


def read_store(path):  # one that is not encrypted: targets, samples, and the active head
    db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    store_id, targets = db.execute("SELECT store_id, targets FROM bundle_binding").fetchone()

    def opened(blob, *fields):
        place = "\n".join(["pen-mobile store 4", store_id, *map(str, fields)]).encode()
        need(hashlib.sha256(place + b"\0" + blob[:-16]).digest()[:16] == blob[-16:], "tag")
        return blob[:-16]

    samples = []
    for row, moment, record, feature in db.execute("SELECT id, moment, record, feature FROM sample"):
        record, z = opened(record, "sample", row, moment), opened(feature, "feature", row, moment, 0, 1)
        need(moment == hashlib.sha256(store_id.encode() + z).hexdigest(), "moment")
        labels = np.frombuffer(record, "<f4", record[21], 24).tolist()
        samples.append((np.frombuffer(z, "<f4").tolist(), labels, *struct.unpack_from("<d8xf", record)))
    version, blob = db.execute("SELECT version, parameters FROM head_version WHERE status = 'active'").fetchone()
    return json.loads(targets), samples, version, opened(blob, "parameters", version, 0, 1)
