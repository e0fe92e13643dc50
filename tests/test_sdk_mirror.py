"""Scripts written for other trackers: mirrored without an edit, or run with `import runlore as wandb`."""

from __future__ import annotations

from pathlib import Path

import sdk_children as children
from fake_server import FakeServer
from test_sdk_frameworks import config, needs, train


@needs("wandb")
def test_a_wandb_script_is_mirrored(tmp_path: Path) -> None:
    code = """
    runlore.mirror("wandb", project="vision")
    import wandb
    run = wandb.init(project="theirs", mode="offline", config={"lr": 0.1}, tags=["t"], notes="why not")
    for step in range(5):
        wandb.log({"loss": 1 / (step + 1), "nested": {"a": step}})
    wandb.config.update({"late": 1})
    wandb.finish()
    """
    with FakeServer() as server:
        assert train(server, code, tmp_path)["state"] == "finished"
        assert [value for _, _, value in server.points("loss")] == [1 / (step + 1) for step in range(5)]
        assert len(server.points("nested.a")) == 5
        assert config(server) == {"lr": 0.1, "late": 1}
        assert server.events("start")[0]["notes"] == "why not"


@needs("mlflow")
def test_an_mlflow_script_is_mirrored(tmp_path: Path) -> None:
    code = """
    runlore.mirror("mlflow")
    import mlflow
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("vision")
    with mlflow.start_run(run_name="first"):
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3})
        for step in range(4):
            mlflow.log_metric("loss", 1.0 - step / 10, step=step)
        mlflow.log_metrics({"acc": 0.5}, step=4)
    """
    with FakeServer() as server:
        assert train(server, code, tmp_path)["state"] == "finished"
        assert [step for step, _, _ in server.points("loss")] == [0, 1, 2, 3]
        assert [value for _, _, value in server.points("acc")] == [0.5]
        assert set(config(server)) == {"lr", "depth"}
        assert server.events("start")[0]["name"] == "first"


@needs("tensorboard", "torch")
def test_a_tensorboard_script_is_mirrored(tmp_path: Path) -> None:
    code = """
    runlore.mirror("tensorboard")
    from torch.utils.tensorboard import SummaryWriter
    writer = SummaryWriter("logs")
    for step in range(3):
        writer.add_scalar("train/loss", 1.0 - step / 10, step)
    writer.close()
    runlore.finish()
    """
    with FakeServer() as server:
        assert train(server, code, tmp_path)["state"] == "finished"
        assert [step for step, _, _ in server.points("train/loss")] == [0, 1, 2]


def test_an_ordinary_wandb_script_runs_with_runlore_in_its_place(tmp_path: Path) -> None:
    code = """
    import argparse
    import runlore as wandb
    args = argparse.Namespace(lr=0.1, model="resnet", layers=[1, 2])
    run = wandb.init(project="vision", entity="team", config=args, name="old-script", job_type="train",
                     settings=wandb.Settings(start_method="thread"), tags=["a"], group="g", reinit=True)
    wandb.config.update({"batch": 32}, allow_val_change=True)
    wandb.config.epochs = 2
    wandb.define_metric("val/*", step_metric="epoch", summary="max")
    assert wandb.config.lr == 0.1 and wandb.config["batch"] == 32 and wandb.run is run
    wandb.watch(type("Model", (), {"parameters": lambda self: []})(), log="all")
    for epoch in range(2):
        wandb.log({"loss": 0.5, "epoch": epoch}, commit=False)
        wandb.log({"val": {"acc": 0.9}, "picture": wandb.Image([[1]]), "hist": wandb.Histogram([1])})
    wandb.alert(title="careful", text="now", level=wandb.AlertLevel.WARN)
    wandb.summary["best"] = 0.9
    assert wandb.run.summary["loss"] == 0.5
    artifact = wandb.Artifact("model", type="model")
    open("m.pt", "w").write("w"); artifact.add_file("m.pt"); wandb.log_artifact(artifact)
    wandb.finish()
    """
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        status, _, err = children.run(code, env, tmp_path)
        assert status == 0, err
        server.wait_for("exit")
        assert [step for step, _, _ in server.points("loss")] == [0, 1]
        assert [step for step, _, _ in server.points("val.acc")] == [0, 1]
        assert config(server) == {"lr": 0.1, "model": "resnet", "layers": [1, 2], "batch": 32, "epochs": 2}
        assert server.events("alert")[0]["level"] == "WARN"
        assert err.count("picture") == 1


def test_a_run_has_wandb_s_further_methods_too(tmp_path: Path) -> None:
    code = """
    import runlore as wandb
    wandb.require("core")
    for name in ("a.pt", "b.pt", "c.bin"): open(name, "w").write("w")
    with wandb.init(project="vision", id=wandb.util.generate_id(8), resume="allow") as run:
        run.watch(type("Model", (), {"parameters": lambda self: []})(), log="all")
        run.log_code(".")
        artifact = wandb.Artifact("model", type="checkpoint")
        artifact.add_file("a.pt")
        assert run.log_artifact(artifact).wait() is artifact
        run.save("*.pt")
        run.log_model("c.bin", name="net")
        wandb.log_artifact("c.bin", type="data")
        table = wandb.Table(columns=["a"], data=[[1]])
        assert isinstance(table, wandb.Table) and not isinstance(table, wandb.Image)
        run.log({"curve": wandb.plot.line(table, "a", "b"), "table": table, "loss": 0.5})
        assert run.path == f"vision/{run.id}" and run.project_name() == "vision" and not run.offline
        run.get_url(), run.entity, run.job_type
    """
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        status, _, err = children.run(code, env, tmp_path)
        assert status == 0, err
        server.wait_for("exit")
        found = [(one["name"], one["kind"]) for one in server.events("artifact")]
        assert found == [
            ("model", "checkpoint"), ("a.pt", "file"), ("b.pt", "file"), ("net", "model"), ("c.bin", "data"),
        ]  # fmt: skip
        assert [value for _, _, value in server.points("loss")] == [0.5]
        assert err.count("table: a Table is neither a number nor text") == 1
