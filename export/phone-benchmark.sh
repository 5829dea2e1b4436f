#!/bin/sh
# Runs every stage of a bundle with ExecuTorch's executor_runner, on a phone or on any other machine:
#   RUNNER=./executor_runner sh benchmark.sh > phone.log
# On Android the runner logs to logcat; the marks go there, too.
RUNNER=${RUNNER:-./executor_runner}
say() {
  echo "$1"
  if [ -n "$ANDROID_ROOT" ]; then log -t ExecuTorch "$1"; fi
}
if [ -n "$ANDROID_ROOT" ]; then
  say "pen-mobile machine $(getprop ro.product.manufacturer) $(getprop ro.product.model), $(getprop ro.soc.model)"
else
  say "pen-mobile machine $(uname -sm)"
fi
@RUNS@
