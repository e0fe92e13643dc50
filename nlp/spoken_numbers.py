"""Reads spoken numbers: "three e minus four", "point oh one", "eighty two and a half percent", "one twenty eight".

Whisper writes some numbers as digits and others as words, often mixed, so every rule takes both.
"""

import re
from dataclasses import dataclass

from nlp.number_words import (
    AFTER_A_WORD_ZERO,
    AREAS,
    BEFORE_A_NUMBER,
    BEFORE_DECIMALS,
    CLAUSE_GOES_ON,
    COUNTED,
    DIGITS,
    EXPONENTS,
    FRACTIONS,
    HALVED,
    LARGE,
    MINUS,
    MODEL_FAMILIES,
    NOT_BEFORE_POINT,
    OF_MODELS,
    OH,
    PARTS,
    PERCENT,
    TEENS,
    TENS,
    TIMES,
    clock,
    is_size,
    reads_as_one,
)
from nlp.spoken_powers import PowerReader


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """A number that begins at token `first` and ends before token `end`."""

    first: int
    end: int
    written: str


class NumberReader(PowerReader):
    """Reads the number that begins at a token."""

    def at(self, first: int) -> Number | None:
        """The longest number beginning at the token; None where there is none, or the word is no number here."""
        if counted := self._and_a_half(first):
            return counted
        sign, start = self._sign(first)
        number = self.value_at(start)
        if number is None or self._is_prose(start, number.end):
            return None
        return Number(first=first, end=number.end, written=sign + number.written)

    def _and_a_half(self, first: int) -> Number | None:
        """ "a point and a half", "an hour and a half"."""
        said = tuple(self._said(index) for index in range(first, first + 5))
        if (
            said[0] not in ("a", "an", "one", "1")
            or said[1] not in HALVED
            or said[2:] != ("and", "a", "half")
        ):
            return None
        plural = "" if said[1] in LARGE else "s"
        return Number(
            first=first, end=first + 5, written="1.5%" if said[1] == "percent" else f"1.5 {said[1]}{plural}"
        )

    def value_at(self, first: int) -> Number | None:
        """The same for words known to be part of a name: any digit word counts, there is no sign."""
        found = self._half_percent(first) or self._scaled(first)
        return Number(first=first, end=found[1], written=found[0]) if found else None

    def _sign(self, index: int) -> tuple[str, int]:
        said, before = self._said(index), self._said(index - 1)
        if said not in MINUS or _is_amount(before) or before in PERCENT or before == "e":
            return "", index
        if not said.isalpha() and (self._touches(index) or not self._touches(index + 1)):
            return "", index  # a dash or a hyphen
        return "-", index + 1

    def _is_prose(self, first: int, end: int) -> bool:
        """A lone "one" that counts nothing, "zero-shot", "two-stage", "two thirds"."""
        said, before, after = self._said(first), self._said(first - 1), self._said(end)
        if end - first > 1 or said[:1].isdigit():
            return False
        if after in PARTS:
            return True
        if said in DIGITS and self._said(end) == "-" and self._touches(end) and self._touches(end + 1):
            return True
        if said == "zero":
            return after in AFTER_A_WORD_ZERO
        if said != "one":
            return False
        if (before, after) == ("at", "point"):
            return True
        follows = before in BEFORE_A_NUMBER or before in self._quantities
        return not (after in COUNTED or (follows and (not after.isalpha() or after in CLAUSE_GOES_ON)))

    def _half_percent(self, index: int) -> tuple[str, int] | None:
        """ "half a percent", "a quarter of a percent", "three quarters of a percent"."""
        if (self._said(index) in ("three", "3"), self._said(index + 1)) == (True, "quarters"):
            at = index + 2 + (self._said(index + 2) == "of")
            at += self._said(at) == "a"
            return ("0.75%", at + 1) if self._said(at) in PERCENT else None
        index += self._said(index) == "a"
        value = {"half": "0.5%", "quarter": "0.25%"}.get(self._said(index))
        if value is None or self._said(index - 1) in ("and", "three"):
            return None
        index += 1
        index += self._said(index) == "of"
        index += self._said(index) == "a"
        return (value, index + 1) if self._said(index) in PERCENT else None

    def _scaled(self, index: int) -> tuple[str, int] | None:
        """An amount with its exponent, fraction, percent sign, or suffix."""
        found = self._amount(index) or self._homophone(index)
        if found is None:
            return None
        written, end = self._power(index, *(self._exponent(*found) or self._fraction(*found)))
        if self._said(end) == "thousand":  # "twelve and a half thousand"
            written, end = f"{float(written) * 1000:.0f}", end + 1
        if self._said(end) in PERCENT:
            more, later = self._fraction(written, end + 1)  # "94%, and a half percent"
            halved = more != written and self._said(later) in PERCENT
            return (f"{more}%", later + 1) if halved else (f"{written}%", end + 1)
        if self._said(end) == "per" and self._said(end + 1) == "cent":
            return f"{written}%", end + 2
        if self._said(end) == "b" and self._names_a_model(end):
            return f"{written}B", end + 1
        if self._said(end) in LARGE:
            return f"{written} {LARGE[self._said(end)]}", end + 1
        if self._said(end) == "k" and self._said(self._past_hyphen(end + 1)) not in (
            "means",
            "nearest",
            "fold",
        ):
            return f"{written}k", end + 1
        if self._said(end) == "x" and not _is_amount(self._said(end + 1)):
            return f"{written}x", end + 1
        if self._said(end) == "bit" and written.isdigit():
            return f"{written}-bit", end + 1
        return self._square(written, end) or (written, end)

    def _names_a_model(self, letter: int) -> bool:
        """ "llama two seven b", "a seven b model": billions of parameters."""
        before = {self._said(index) for index in range(letter - 4, letter)}
        return not MODEL_FAMILIES.isdisjoint(before) or self._said(letter + 1) in OF_MODELS

    def _square(self, written: str, end: int) -> tuple[str, int] | None:
        """ "three by three"."""
        other = self._amount(end + 1) if self._said(end) in ("by", "x", "×") else None
        if other and (other[0] == written or self._said(other[1]).rstrip("s") in AREAS):
            return f"{written}x{other[0]}", other[1]
        return None

    def _fraction(self, written: str, end: int) -> tuple[str, int]:
        """ "and a half"."""
        at = end + (self._said(end) == ",")
        if self._said(at) == "and" and written.isdigit():
            decimals = FRACTIONS.get((self._said(at + 1), self._said(at + 2)))
            if decimals:
                return f"{written}.{decimals}", at + 3
            if self._said(at + 1) == "half":
                return f"{written}.5", at + 2
        return written, end

    def _amount(self, index: int) -> tuple[str, int] | None:
        """A plain number: digits, words, or both, with decimals."""
        said = self._said(index)
        if said in ("point", "dot", ".") or (said in OH and self._said(index + 1) == "point"):
            return self._bare_decimals(index + (said in OH))
        if said[:1].isdigit():
            written, end = re.sub(r"^(\d),(\d\d)$", r"\1\2", said), index + 1  # "5,12" was five twelve
            if split := self._split_decimals(index):
                return split
            if self._said(end) == "hundred":
                return f"{float(written.replace(',', '')) * 100:.0f}", end + 1
            if self._said(end) == "thousand":
                more, end = self._after_thousand(end + 1)
                return f"{float(written.replace(',', '')) * 1000 + more:.0f}", end
        else:
            found = self._whole(index)
            if found is None:
                return None
            written, end = found
        if self._said(end) in ("point", "dot") and written.isdigit():
            decimals = self._decimals(end + 1)
            if decimals and not (
                said == "one" and self._said(index - 1) == "at"
            ):  # "at one point two of them"
                written, end = f"{written}.{decimals[0]}", decimals[1]
                if self._said(end) == "thousand":
                    written, end = f"{float(written) * 1000:.0f}", end + 1
        return written, end

    def _homophone(self, index: int) -> tuple[str, int] | None:
        """ "A learning rate for e minus three" was "four e minus three"."""
        heard = EXPONENTS.get(self._said(index))
        small = self._said(index + 1) == "e" and self._said(index + 2) in MINUS and self._is_small(index)
        return (heard, index + 1) if heard and small else None

    def _split_decimals(self, index: int) -> tuple[str, int] | None:
        """ "Zero point zero three", heard as "0.0.3"."""
        stop, rest = self._said(index + 1), self._said(index + 2)
        whole = (
            self._touches(index + 1) and self._touches(index + 2) and (stop, rest.isdigit()) == (".", True)
        )
        if self._said(index) != "0.0" or not whole or self._said(index - 1) in ("version", "release"):
            return None
        return f"0.0{rest}", index + 3

    def _bare_decimals(self, index: int) -> tuple[str, int] | None:
        """ "point oh one", but not "the point one should make"."""
        decimals, before = self._decimals(index + 1), self._said(index - 1)
        if before == "of" and self._said(index) == "point" and self._said(index + 1) in ("to", "too", "for"):
            return (
                f"0.{EXPONENTS[self._said(index + 1)]}",
                index + 2,
            )  # "of point two"; nobody says "of point to"
        if self._said(index) == "point" and before in BEFORE_DECIMALS and self._said(index + 1)[:2] == "0.":
            return f"0.0{self._said(index + 1)[2:]}", index + 2  # "of point oh five", heard as "of point 0.5"
        if decimals is None or before in NOT_BEFORE_POINT or _is_amount(before):
            return None
        if self._said(index) == "." and (self._touches(index) or not self._touches(index + 1)):
            return None  # the end of a sentence
        opens_a_clause = not before[:1].isalnum()
        certain = len(decimals[0]) > 1 or self._said(decimals[1]) in PERCENT or self._said(index) == "."
        return None if opens_a_clause and not certain else (f"0.{decimals[0]}", decimals[1])

    def _decimals(self, index: int) -> tuple[str, int] | None:
        """Digits after the point, one by one ("oh one") or in groups ("twenty five")."""
        digits = ""
        while True:
            at = self._past_hyphen(index) if digits else index
            said = self._said(at)
            if said in OH:
                digits, index = digits + "0", at + 1
            elif said in TIMES and self._said(at + 1) in DIGITS.keys() | OH:
                digit = DIGITS.get(self._said(at + 1), "0")
                digits, index = digits + digit * TIMES[said], at + 2
            elif said.isdigit():
                digits, index = digits + said, at + 1
            elif group := self._below_hundred(at):
                digits, index = digits + str(group[0]), group[1]
            else:
                return (digits, index) if digits else None

    def _whole(self, index: int) -> tuple[str, int] | None:
        """A whole number in words."""
        article = self._said(index) == "a" and self._said(index + 1) in ("hundred", "thousand")
        found = (1, index + 1) if article else self._below_hundred(index)
        if found is None:
            return None
        value, end = self._digit_by_digit(index) or self._hundreds(*found)
        if self._said(end) == "thousand":
            more, end = self._after_thousand(end + 1)
            value = value * 1000 + more
        time = clock(value, self._said(end), self._said(end + 2)) if end - index > 1 else None
        return time or str(value), end

    def _after_thousand(self, index: int) -> tuple[int, int]:
        """ "five hundred", "and twelve", "500"."""
        start = index + (self._said(index) == "and")
        if rest := self._below_hundred(start):
            return self._hundreds(*rest)
        digits = self._said(start)
        return (int(digits), start + 1) if digits.isdigit() and len(digits) == 3 else (0, index)

    def _digit_by_digit(self, index: int) -> tuple[int, int] | None:
        """ "five one two", "one oh two four": only where they make a size, not "one two three"."""
        for count in (4, 3):
            said = [self._said(at) for at in range(index, index + count)]
            if said[0] in DIGITS and all(digit in DIGITS.keys() | OH for digit in said):
                value = int("".join(DIGITS.get(digit, "0") for digit in said))
                if is_size(value) and value >= 10 ** (count - 1):
                    return value, index + count
        return None

    def _hundreds(self, value: int, end: int) -> tuple[int, int]:
        """ "two hundred and five", "one twenty eight", "three oh five", "ten twenty four"."""
        if self._said(end) == "hundred":
            end += 1
            rest = self._below_hundred(end + (self._said(end) == "and"))
            return (value * 100 + rest[0], rest[1]) if rest else (value * 100, end)
        at = self._past_hyphen(end)
        if value > 0 and self._said(at) in OH and self._said(at + 1) in DIGITS:
            return value * 100 + int(DIGITS[self._said(at + 1)]), at + 2
        pair = self._below_hundred(at)
        if pair and (0 < value < 10 <= pair[0] or (10 <= value < 100 and reads_as_one(value, pair[0]))):
            return value * 100 + pair[0], pair[1]
        return value, end


def _is_amount(said: str) -> bool:
    return said[:1].isdigit() or said in DIGITS or said in TEENS or said in TENS
