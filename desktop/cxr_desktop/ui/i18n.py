"""Words that a person reads, in their language.

English is written in the code, and is what is shown where a translation lacks. Names of findings, the sentences of
`CxrError` and of the models' reasons, and what is written into reports stay English for now: they are compared with
reports and looked up in the manual.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

CONTEXT: Final = "cxr"
"""The one context of all words in the translation files."""
FOLDER_VARIABLE: Final = "CXR_TRANSLATIONS"
"""Names a folder of translations in place of the package's own."""
_PACKAGED: Final = Path(__file__).with_name("translations")


def tr(text: str, /, **values: object) -> str:
    """Return words in the person's language; in English where there is no translation, or no application yet.

    Parameters
    ----------
    text
        English; it is written out where it is translated, or is a constant in capitals.
    values
        What stands in its braces, as in `str.format`.
    """
    if not text:
        return text
    translated = QCoreApplication.translate(CONTEXT, text)
    if not values:
        return translated
    try:
        return translated.format(**values)
    except (LookupError, ValueError, AttributeError):  # the translation's braces are damaged
        return text.format(**values)


def install_translation(application: QCoreApplication, locale: str | None = None) -> bool:
    """Show words in a language, in place of the one that was installed before.

    Parameters
    ----------
    application
        Whose words they are.
    locale
        Such as ``de`` or ``de_AT``; None takes the system's.

    Returns
    -------
    bool
        Whether there is a translation ``cxr_<locale>.qm``, or one of its language; without one, words stay English.
    """
    for before in application.findChildren(QTranslator, CONTEXT):
        application.removeTranslator(before)
        before.setParent(None)
    name = locale or QLocale.system().name()
    folder = os.environ.get(FOLDER_VARIABLE) or str(_PACKAGED)
    if not _install(application, f"{CONTEXT}_{name}", folder):
        return False
    # Buttons such as Cancel are Qt's own words.
    _install(application, f"qtbase_{name}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath))
    return True


def _install(application: QCoreApplication, name: str, folder: str) -> bool:
    translator = QTranslator(application)
    translator.setObjectName(CONTEXT)
    if translator.load(name, folder) and not translator.isEmpty():
        application.installTranslator(translator)
        return True
    translator.setParent(None)
    return False
