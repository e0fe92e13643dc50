"""Reads powers of ten in speech: "three e minus four", "two times ten to the minus five", "two to the fifteen"."""

from collections.abc import Sequence

from nlp.number_words import DIGITS, EXPONENTS, MINUS, ORDINALS, SMALL_QUANTITIES, TEENS, TENS, E
from nlp.spoken_tokens import Token

_NEAR = 16  # tokens after "learning rate" in which a number is taken for a small one


class PowerReader:
    """Reads what stands behind an amount and raises it."""

    def __init__(self, tokens: Sequence[Token], quantities: frozenset[str] = frozenset()) -> None:
        self._tokens = tokens
        self._quantities = quantities

    def _said(self, index: int) -> str:
        return self._tokens[index].said if 0 <= index < len(self._tokens) else ""

    def _touches(self, index: int) -> bool:
        """No space between this token and the one before it."""
        return 0 < index < len(self._tokens) and self._tokens[index - 1].end == self._tokens[index].start

    def _past_hyphen(self, index: int) -> int:
        """The word after a hyphen inside "twenty-eight"; otherwise the index itself."""
        inside = self._said(index) == "-" and self._touches(index) and self._touches(index + 1)
        return index + 1 if inside else index

    def _exponent(self, written: str, end: int) -> tuple[str, int] | None:
        """ "e minus four", "E-4", "times ten to the minus four"."""
        times = self._said(end) in ("times", "x", "×")
        if times and self._said(end + 1) in ("ten", "10"):
            raised = self._raised(end + 2, of_ten=True)
            return (f"{written}e{raised[0]}", raised[1]) if raised else None
        to_the = not MINUS.isdisjoint(self._said(index) for index in range(end + 2, end + 5))
        at = end + (times and to_the and self._said(end + 1) == "e")  # "five times e minus five"
        if (
            self._said(at) in (",", "-", ".")
            and self._said(at + 1) in ("e", "he")
            and self._said(at + 2) in MINUS
        ):
            at += 1
        letter = self._said(at)
        if letter not in E:
            return self._lost_e(written, end)
        after = at + 1
        if letter == "e" and self._said(after) == "to":
            after += 1 + (self._said(after + 1) == "the")
        if self._said(after) in MINUS:
            whole = self._touches(at) and (self._said(after).isalpha() or self._touches(after))
            tight = letter in ("e", "he", "ee") or (whole and letter != "i") or self._is_small(end)
            if self._said(after) == "-" and self._said(after + 1) == "," and self._said(after + 2).isdigit():
                after += 1  # "1e-, 4"
            power = self._small(after + 1, homophones=True) if tight else None
            if power and not self._goes_on(power[1]):
                return f"{written}e-{power[0]}", power[1]
            return None
        power = self._small(after) if letter == "e" and after == at + 1 else None
        return (f"{written}e{power[0]}", power[1]) if power else None

    def _goes_on(self, end: int) -> bool:
        """The "B" of "3B-7B", but not the "now" of "3e-5now"."""
        return self._touches(end) and self._said(end).isalpha() and len(self._said(end)) < 3

    def _lost_e(self, written: str, end: int) -> tuple[str, int] | None:
        """ "eighty minus six" after a learning rate was "eight e minus six"."""
        power = self._said(end + 1)
        if self._said(end) not in MINUS or power not in "3456789" or not self._is_small(end):
            return None
        hyphen = self._said(end) == "-" and self._touches(end) and self._touches(end + 1)
        joined = hyphen or self._said(end) == "minus"
        if (len(written) == 2 and written[1] == "0") or (joined and written in "123456789"):  # "80-6", "1-3"
            return f"{written[0]}e-{power}", end + 2
        return None

    def _is_small(self, end: int) -> bool:
        """A learning rate or its like was named shortly before."""
        return not SMALL_QUANTITIES.isdisjoint(self._said(index) for index in range(end - _NEAR, end))

    def _power(self, first: int, written: str, end: int) -> tuple[str, int]:
        """ "two to the fifteen", "ten to the minus four"."""
        if written not in ("2", "10") or self._said(first - 1) in ("from", "between"):
            return written, end
        raised = self._raised(end)
        if raised is None:
            return written, end
        return (f"1e{raised[0]}" if written == "10" else f"2^{raised[0]}"), raised[1]

    def _raised(self, index: int, *, of_ten: bool = False) -> tuple[str, int] | None:
        """ "to the minus four", "to the power of four", "to the fifteenth", "^4", "(times ten) to minus four" or "-5"."""
        if self._said(index) == "^" or (
            of_ten and self._said(index) == "to" and self._said(index + 1) in MINUS
        ):
            index += 1
        elif of_ten and self._said(index) in MINUS:  # "2 times 10-5"
            pass
        elif (self._said(index), self._said(index + 1)) == ("to", "the"):
            index += 2
        else:
            return None
        if self._said(index) == "power":
            index += 1 + (self._said(index + 1) == "of")
        sign = "-" if self._said(index) in MINUS else ""
        power = self._small(index + bool(sign), homophones=bool(sign))
        if power is None:
            return None
        end = power[1]
        end += self._said(end) in ("th", "st", "nd", "rd") and self._touches(end)
        return f"{sign}{power[0]}", end + (self._said(end) == "power")

    def _small(self, index: int, *, homophones: bool = False) -> tuple[str, int] | None:
        """A whole exponent of one or two digits."""
        said = self._said(index)
        if said in ("oh", "zero", "0") and (
            self._said(index + 1) in DIGITS or self._said(index + 1).isdigit()
        ):
            return self._small(index + 1)
        if homophones and said in EXPONENTS:
            return EXPONENTS[said], index + 1
        if said in ORDINALS:
            return ORDINALS[said], index + 1
        if said.isdigit():
            return (said.lstrip("0") or "0", index + 1) if len(said) < 3 else None
        found = self._below_hundred(index)
        return (str(found[0]), found[1]) if found else None

    def _below_hundred(self, index: int) -> tuple[int, int] | None:
        said = self._said(index)
        if said in TENS:
            at = self._past_hyphen(index + 1)
            unit = int(DIGITS.get(self._said(at), "0"))
            return (TENS[said] + unit, at + 1) if unit else (TENS[said], index + 1)
        if said in TEENS:
            return TEENS[said], index + 1
        return (int(DIGITS[said]), index + 1) if said in DIGITS else None
