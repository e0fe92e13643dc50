#!/bin/sh
# Test the SDK against the real frameworks, in an environment of its own: sdk/test_frameworks.sh [FOLDER]
# `make frameworks` runs it. The project's own environment stays as it is.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
venv=${1:-${TMPDIR:-/tmp}/runlore-frameworks}
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pytest hypothesis "torch==2.13.0" "transformers>=4.57" "accelerate>=1.1" scikit-learn pandas pyarrow polars datasets \
    lightning keras xgboost-cpu lightgbm optuna mlflow wandb tensorboard jax
cd "$here"
# The fixtures of the bot's tests are not needed here, nor is what they import.
exec env KERAS_BACKEND=torch "$venv/bin/python" -m pytest -q --noconftest -p no:cacheprovider -W default \
    tests/test_sdk_frameworks.py tests/test_sdk_importers.py tests/test_sdk_import_online.py tests/test_sdk_mirror.py
