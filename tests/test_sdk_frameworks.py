"""The callbacks against the real frameworks; what is not installed is skipped (sdk/test_frameworks.sh installs all)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import sdk_children as children
from fake_server import FakeServer


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(
        bool(missing), reason=f"{', '.join(missing)} not installed: sdk/test_frameworks.sh"
    )


def train(server: FakeServer, code: str, tmp_path: Path, seconds: float = 120.0) -> dict[str, object]:
    env = children.environment(tmp_path / "spool", server.url, KERAS_BACKEND="torch", OMP_NUM_THREADS="1")
    status, _, err = children.run(code, env, tmp_path, seconds)
    assert status == 0, err[-3000:]
    return server.wait_for("exit", 15.0)


def config(server: FakeServer) -> dict[str, object]:
    whole: dict[str, object] = {}
    for event in [*server.events("start"), *server.events("config")]:
        whole.update(event["config"])
    return whole


@needs("transformers", "accelerate", "torch")
def test_a_hugging_face_trainer_reports_metrics_arguments_and_checkpoints(tmp_path: Path) -> None:
    code = """
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
    from runlore.integrations.huggingface import RunloreCallback
    model = BertForSequenceClassification(BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1,
        num_attention_heads=1, intermediate_size=8, max_position_embeddings=16))
    data = [{"input_ids": torch.randint(0, 30, (8,)), "labels": torch.tensor(i % 2)} for i in range(16)]
    arguments = TrainingArguments(output_dir="out", max_steps=4, logging_steps=2, save_steps=4, eval_strategy="steps",
        eval_steps=4, per_device_train_batch_size=4, learning_rate=1e-3, report_to=[], use_cpu=True)
    Trainer(model=model, args=arguments, train_dataset=data, eval_dataset=data, callbacks=[RunloreCallback()]).train()
    """
    with FakeServer() as server:
        event = train(server, code, tmp_path)
        assert event["state"] == "finished"
        assert [step for step, _, _ in server.points("train/loss")] == [2, 4]
        assert [step for step, _, _ in server.points("eval/loss")] == [4]
        assert config(server)["learning_rate"] == 1e-3
        assert {artifact["kind"] for artifact in server.events("artifact")} == {"checkpoint"}
        assert server.events("progress")[-1]["done"] == 4


@needs("lightning", "torch")
def test_lightning_s_logger_reports_metrics_and_the_end(tmp_path: Path) -> None:
    code = """
    import torch, lightning as L
    from runlore.integrations.lightning import RunloreLogger
    class Model(L.LightningModule):
        def __init__(self, lr=0.1):
            super().__init__(); self.save_hyperparameters(); self.layer = torch.nn.Linear(2, 1)
        def training_step(self, batch, index):
            loss = self.layer(batch[0]).pow(2).mean(); self.log("train/loss", loss); return loss
        def configure_optimizers(self): return torch.optim.SGD(self.parameters(), self.hparams.lr)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(32, 2)), batch_size=8)
    trainer = L.Trainer(max_epochs=2, logger=RunloreLogger(), log_every_n_steps=1, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False)
    trainer.fit(Model(), data)
    """
    with FakeServer() as server:
        assert train(server, code, tmp_path)["state"] == "finished"
        assert len(server.points("train/loss")) == 8
        assert config(server)["lr"] == 0.1
        assert server.events("artifact")[0]["kind"] == "checkpoint"


@needs("keras", "torch")
def test_keras_reports_every_epoch(tmp_path: Path) -> None:
    code = """
    import keras, numpy as np
    from runlore.integrations.keras import RunloreCallback
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    x = np.random.rand(32, 4)
    model.fit(x, x.sum(1), epochs=3, validation_split=0.25, verbose=0, callbacks=[RunloreCallback()])
    """
    with FakeServer() as server:
        assert train(server, code, tmp_path)["state"] == "finished"
        assert [step for step, _, _ in server.points("val_loss")] == [0, 1, 2]
        assert config(server)["model_parameters"] == 5


@needs("xgboost")
def test_xgboost_reports_every_round_and_the_best(tmp_path: Path) -> None:
    code = """
    import numpy as np, xgboost
    from runlore.integrations.xgboost import RunloreCallback
    rng = np.random.default_rng(0); x = rng.random((80, 3)); y = x.sum(1)
    train, test = xgboost.DMatrix(x[:60], y[:60]), xgboost.DMatrix(x[60:], y[60:])
    xgboost.train({"eta": 0.3, "nthread": 1}, train, 5, evals=[(test, "test")], callbacks=[RunloreCallback()],
        verbose_eval=False, early_stopping_rounds=3)
    """
    with FakeServer() as server:
        assert train(server, code, tmp_path)["state"] == "finished"
        assert [step for step, _, _ in server.points("test/rmse")] == list(range(5))
        assert "best_score" in server.events("summary")[0]["summary"]


@needs("lightgbm")
def test_lightgbm_reports_every_round_with_its_goal(tmp_path: Path) -> None:
    code = """
    import numpy as np, lightgbm
    from runlore.integrations.lightgbm import RunloreCallback
    rng = np.random.default_rng(0); x = rng.random((200, 3)); y = x.sum(1)
    data = lightgbm.Dataset(x, y)
    lightgbm.train({"objective": "regression", "verbose": -1, "num_threads": 1}, data, 5, valid_sets=[data],
        valid_names=["train"], callbacks=[RunloreCallback()])
    """
    with FakeServer() as server:
        assert train(server, code, tmp_path)["state"] == "finished"
        assert len(server.points("train/l2")) == 5
        assert server.events("define")[0]["goal"] == "min"


@needs("sklearn")
def test_autolog_records_the_outermost_fit_of_scikit_learn(tmp_path: Path) -> None:
    code = """
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    runlore.autolog()
    x, y = load_iris(return_X_y=True)
    make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(x, y)
    GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}, cv=2).fit(x, y)
    """
    with FakeServer() as server:
        train(server, code, tmp_path)
        assert children.until(lambda: len(server.events("exit")) == 2)
        assert sorted(event["config"]["estimator"] for event in server.events("config") if "estimator" in event["config"]) == [
            "GridSearchCV", "Pipeline",
        ]  # fmt: skip
        assert server.points("training_score")[0][2] > 0.9
        assert server.points("best_score")[0][2] > 0.8
        assert server.events("dataset")[0]["rows"] == 150


@needs("optuna", "sklearn")
def test_a_study_of_200_trials_is_one_sweep(tmp_path: Path) -> None:
    code = """
    import optuna
    from sklearn.datasets import load_digits
    from sklearn.linear_model import SGDClassifier
    from runlore.integrations.optuna import RunloreCallback
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    x, y = load_digits(return_X_y=True)
    def objective(trial):
        model = SGDClassifier(alpha=trial.suggest_float("alpha", 1e-6, 1e-1, log=True), max_iter=5, tol=None)
        return model.fit(x[:300], y[:300]).score(x[300:500], y[300:500])
    study = optuna.create_study(study_name="digits", direction="maximize")
    study.optimize(objective, n_trials=200, callbacks=[RunloreCallback(project="vision", metric_name="accuracy")])
    """
    with FakeServer() as server:
        train(server, code, tmp_path)
        assert children.until(lambda: len(server.events("exit")) == 200, 40.0)
        starts = server.events("start")
        assert len(starts) == 200
        assert {start["group"] for start in starts} == {"digits"}
        assert len(server.points("accuracy")) == 200
        assert all("alpha" in start["config"] for start in starts)


@needs("pandas", "pyarrow", "polars", "datasets")
def test_frames_and_datasets_are_fingerprinted_without_their_values(tmp_path: Path) -> None:
    code = """
    import pandas, polars, datasets
    run = runlore.init()
    frame = pandas.DataFrame({"age": [31, 32, None], "name": ["x-secret", "y", "z"]})
    run.dataset(frame, name="pandas", filters="age > 3")
    run.dataset(frame.copy(), name="again")
    run.dataset(polars.DataFrame({"a": [1, 2]}), name="polars")
    run.dataset(datasets.Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]}), name="hf")
    frame.to_parquet("frame.parquet")
    run.dataset("frame.parquet", name="parquet")
    time.sleep(1)
    run.finish()
    """
    with FakeServer() as server:
        train(server, code, tmp_path)
        found = {event["name"]: event for event in server.events("dataset")}
        assert (found["pandas"]["rows"], found["pandas"]["columns"]) == (3, 2)
        assert found["pandas"]["summary"]["age"]["missing"] == 1
        assert found["pandas"]["fingerprint"] == found["again"]["fingerprint"]
        assert (found["polars"]["rows"], found["hf"]["rows"]) == (2, 2)
        assert (found["parquet"]["rows"], sorted(found["parquet"]["types"])) == (3, ["age", "name"])
        assert "x-secret" not in str(found)


@needs("jax")
def test_jax_s_scalars_are_numbers(tmp_path: Path) -> None:
    code = """
    import jax
    import jax.numpy as jnp
    run = runlore.init(config={"lr": jnp.float32(0.5), "steps": jnp.int32(3), "flag": jnp.bool_(True)})
    loss = jax.jit(lambda x: (x ** 2).sum())(jnp.ones(4))
    run.log({"loss": loss, "half": jnp.bfloat16(1.5), "one": jnp.ones((1,)), "count": jnp.int32(7)}, step=jnp.int32(2))
    run.log({"loss": jnp.float32("nan")}, step=3)
    run.log({"many": jnp.ones(3)})
    run.finish()
    """
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url, JAX_PLATFORMS="cpu")
        status, _, err = children.run(code, env, tmp_path, 120)
        assert (status, err.count("many: a ArrayImpl is neither")) == (0, 1), err
        server.wait_for("exit")
        (start,) = server.events("start")
        assert start["config"] == {"lr": 0.5, "steps": 3, "flag": True}
        logged = {name: server.points(name)[0] for name in ("loss", "half", "one", "count")}
        assert {name: (step, value) for name, (step, _, value) in logged.items()} == {
            "loss": (2, 4.0), "half": (2, 1.5), "one": (2, 1.0), "count": (2, 7),
        }  # fmt: skip
        assert server.points("loss")[1][2] == "nan"
