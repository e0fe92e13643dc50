"""`run.config` and `run.summary`: dictionaries with attribute access whose changes are recorded."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from runlore import values

Changed = Callable[[dict[str, Any]], None]


class Recorded(MutableMapping[str, Any]):
    """A dictionary that tells its run what was set; `warn` hears what is no set of fields."""

    def __init__(
        self, changed: Changed, warn: Callable[[str], None], fields: Mapping[str, Any] | None = None
    ) -> None:
        object.__setattr__(self, "_changed", changed)
        object.__setattr__(self, "_warn", warn)
        object.__setattr__(self, "_fields", dict(fields or {}))

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._fields[name] = value
        self._changed({name: values.plain(value)})

    def __delitem__(self, name: str) -> None:
        del self._fields[name]
        self._changed({name: None})

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._fields[name]
        except KeyError:
            raise AttributeError(f"{name!r} was never set; there are: {', '.join(self._fields)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return repr(self._fields)

    def update(  # type: ignore[override] # wandb takes any config object and `allow_val_change`
        self,
        fields: Any = None,
        allow_val_change: bool = True,
        **more: Any,
    ) -> None:
        """Set several values in one record; takes whatever `init(config=…)` takes."""
        given = {**self._given(fields), **more}
        self._fields.update(given)
        self._changed(values.plain(given))

    def setdefaults(self, fields: Any) -> None:
        """Set what is not set yet."""
        given = self._given(fields)
        self.update({name: value for name, value in given.items() if name not in self._fields})

    def _given(self, fields: Any) -> dict[str, Any]:
        try:
            given = values.as_mapping(fields)
        except Exception:  # noqa: BLE001 - what asks an object for its fields must never end a training run
            given = None
        if given is None and fields is not None:
            self._warn(
                f"a {type(fields).__name__} has no fields to keep: pass a dict, namespace, dataclass or model"
            )
        return given or {}

    def as_dict(self) -> dict[str, Any]:
        """A plain copy."""
        return dict(self._fields)

    def get_config(self) -> dict[str, Any]:
        """A plain copy, by the name some integrations of wandb use."""
        return self.as_dict()


class Summary(Recorded):
    """What was set by hand, over the last value logged of each metric."""

    def __init__(self, changed: Changed, warn: Callable[[str], None], last: Mapping[str, Any]) -> None:
        super().__init__(changed, warn)
        object.__setattr__(self, "_last", last)

    def __getitem__(self, name: str) -> Any:
        return self._fields[name] if name in self._fields else self._last[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{name!r} was neither logged nor set") from None

    def __iter__(self) -> Iterator[str]:
        return iter({**self._last, **self._fields})

    def __len__(self) -> int:
        return len({**self._last, **self._fields})
