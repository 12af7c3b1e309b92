"""Text as LaTeX that sets that text and nothing else: no command, no mathematics, no character that pdflatex stops at.

What pdflatex with T1 fonts of TeX Live's base can set is set; any other character stands as its code point: `[U+1F420]`.
"""

from __future__ import annotations

import re
import unicodedata

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    "[": "{[}", "]": "{]}",  # after \\ or \item they would begin an argument
    "\N{NO-BREAK SPACE}": "~", "\N{NARROW NO-BREAK SPACE}": r"\,", "\N{THIN SPACE}": r"\,",
    "\N{EN SPACE}": r"\enspace{}", "\N{EM SPACE}": r"\quad{}", "\N{FIGURE SPACE}": "~", "\N{SOFT HYPHEN}": r"\-", "\N{WORD JOINER}": "{}",
}  # fmt: skip
# Of the Latin letters and signs beyond ASCII those that T1 and TS1 hold in the fonts that every TeX Live has.
_LETTERS = (
    "¡¢£¤¥§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
    "ĀāĂăĄąĆćĈĉĊċČčĎďĐđĒēĔĕĖėĘęĚěĜĝĞğĠġĢģĤĥĨĩĪīĬĭĮįİıĴĵĶķĹĺĻļĽľŁłŃńŅņŇňŌōŎŏŐőŒœŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŨũŪūŬŭŮůŰűŲųŴŵŶŷŸŹźŻżŽž"
    "ȘșȚț‐–—‘’‚“”„†‡•…‰‹›€™"
)
_MATHEMATICS = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta", "θ": "theta", "ι": "iota",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "ς": "varsigma", "τ": "tau",
    "υ": "upsilon", "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta",
    "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "≤": "leq", "≥": "geq",
    "≠": "neq", "≈": "approx", "∞": "infty", "∑": "sum", "∏": "prod", "∂": "partial", "∫": "int", "∈": "in", "√": "surd",
    "→": "rightarrow", "←": "leftarrow", "↑": "uparrow", "↓": "downarrow", "↔": "leftrightarrow", "⇒": "Rightarrow",
    "∝": "propto", "∘": "circ", "⋅": "cdot", "∩": "cap", "∪": "cup", "≪": "ll", "≫": "gg", "≡": "equiv", "∇": "nabla",
    "✓": "checkmark",
}  # fmt: skip
_OTHERS = {
    **{letter: rf"\ensuremath{{\{name}}}" for letter, name in _MATHEMATICS.items()},
    "\N{MINUS SIGN}": r"\ensuremath{-}", "✗": r"\ensuremath{\times}", "\N{NON-BREAKING HYPHEN}": r"\mbox{-}", "ŋ": r"\ng{}",
    "ﬁ": "fi", "ﬂ": "fl",
}  # fmt: skip
_KNOWN = {**{letter: letter for letter in _LETTERS}, **_OTHERS, **SPECIAL}
BREAK = r"\allowbreak{}"
LONGEST = 28  # letters of a word that may not be broken
_LIGATURE = re.compile("[-,'](?=[-,'])")  # two hyphens would be a dash
_CUT = re.compile(r"(?<=[/_=:.-])(?=[^\s/_=:.-])")


def text(given: str) -> str:
    """A text within a paragraph, in which a long word, such as a file's name, may break behind its joints."""
    return "".join(_word(word) for word in re.split(r"( )", unicodedata.normalize("NFC", given)))


def heading(given: str) -> str:
    """A text that is a bookmark of the PDF too: no place where a line may break."""
    return _plain(unicodedata.normalize("NFC", given))


def _word(word: str) -> str:
    if len(word) <= LONGEST // 2:
        return _plain(word)
    pieces = [part[i : i + LONGEST] for part in _CUT.split(word) for i in range(0, len(part), LONGEST)]
    return BREAK.join(map(_plain, pieces))


def _plain(text: str) -> str:
    return "".join(map(_letter, _LIGATURE.sub("\\g<0>\u2060", text)))


def _letter(letter: str) -> str:
    if letter in _KNOWN:
        return _KNOWN[letter]
    if " " <= letter <= "~":
        return letter
    return rf"{{[}}U+{ord(letter):04X}{{]}}"
