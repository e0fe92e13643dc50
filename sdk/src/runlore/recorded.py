"""`run.config` and `run.summary`: dictionaries with attribute access whose changes are recorded."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from runlore import values

Changed = Callable[[dict[str, Any]], None]


class Recorded(MutableMapping[str, Any]):
    """A dictionary that tells its run what was set."""

    def __init__(self, changed: Changed, fields: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_changed", changed)
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
        given = {**(values.as_mapping(fields) or {}), **more}
        self._fields.update(given)
        self._changed(values.plain(given))

    def setdefaults(self, fields: Any) -> None:
        """Set what is not set yet."""
        given = values.as_mapping(fields) or {}
        self.update({name: value for name, value in given.items() if name not in self._fields})

    def as_dict(self) -> dict[str, Any]:
        """A plain copy."""
        return dict(self._fields)

    def get_config(self) -> dict[str, Any]:
        """A plain copy, by the name some integrations of wandb use."""
        return self.as_dict()


class Summary(Recorded):
    """What was set by hand, over the last value logged of each metric."""

    def __init__(self, changed: Changed, last: Mapping[str, Any]) -> None:
        super().__init__(changed)
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
