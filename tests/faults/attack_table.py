"""The part of ``docs/faults.md`` that lists single attacks; ``tests/faults/report.py`` writes it."""

ATTACKS = """
## Attacks on trust

Each row is an attack that worked once, or could have, and a test that repeats it; none of them works.

| attack | what happens | test |
|---|---|---|
| a poisoned cache in a run folder: another head, programs and golden vectors, all hashes right; then `export --sign-key` | nothing of the cache is used: the signed bundle is the one of an untouched run, byte for byte | `test_poisoned_cache.py` |
| every file of a bundle folder overwritten after the check, or each as soon as it was read, 10 of 10 times; the folder deleted | answers, `reset()` included, are those of the bytes that were hashed; golden vectors and Core ML packages are refused | `test_swapped_bundles.py` |
| an older signed bundle of the same model, or one without a serial, for a store that has seen a newer one | refused in one line; `--allow-older` takes it | `test_older_bundles.py` |
| a serial changed in a signed manifest | not signed with this key | `test_older_bundles.py` |
| a method that never returns | `verify` ends it at its deadline, `predict` after the longest call, each in one line and with exit code 2 | `test_endless_programs.py` |
| the parent of a child that never returns is killed by SIGKILL or SIGTERM | the child ends, too: no orphan | `test_endless_programs.py`, `tests/utils/test_process_end.py` |
| a program that plans 1 TiB of buffers; a plan of 16 million steps | refused in one line | `test_endless_programs.py` |
| a bundle that allows itself an error of 1e9 | no valid manifest | `test_strict_values.py` |
| `true`, `32.0`, `"32"`, 400 digits or a date where a recipe wants an integer; JSON and TOML nested 100,000 deep; a key twice; NaN | one line that names the file | `test_strict_values.py` |
| escape sequences and marks of direction in a file name | shown as escapes, in terminals and pages | `test_text_from_outside.py` |
| a table whose images are `../secret.png` or an absolute path | refused, with the row; `--allow-outside` takes them | `test_text_from_outside.py` |
| a formula as the origin of a label, for a spreadsheet that opens exported data | no such origin | `test_text_from_outside.py` |
"""
