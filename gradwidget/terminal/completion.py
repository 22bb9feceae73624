"""What a shell has to know to complete the command ``gradwidget``."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Mapping

SCRIPT = """\
if [ -n "$ZSH_VERSION" ]; then
    autoload -U +X bashcompinit && bashcompinit
fi
_gradwidget() {{
    local options IFS=$'\\n' word="${{COMP_WORDS[COMP_CWORD]}}"
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W $'{commands}' -- "$word"))
        return
    fi
    case "${{COMP_WORDS[COMP_CWORD-1]}}" in
        {with_path}) return ;;
    esac
    case "${{COMP_WORDS[1]}}" in
{options}
    esac
    case "$word" in
        -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
        *)
            compopt -o filenames 2>/dev/null
            COMPREPLY=($(compgen -f -X '!*.gw' -- "$word"; compgen -d -- "$word"))
            ;;
    esac
}}
complete -o default -F _gradwidget gradwidget
"""
"""Of bash and zsh. Where nothing is offered, as after ``--html``, any file is."""
LINE = r"\n"
"""Between words: in ``$'…'`` it ends a line."""


def completion(commands: Mapping[str, ArgumentParser]) -> str:
    """The script, for ``eval "$(gradwidget completion)"``.

    Args:
        commands: what each command is asked, by its name.
    """
    # A parser tells its options in its usage alone.
    usages = {name: parser.format_usage() for name, parser in commands.items()}
    with_path = {
        option for usage in usages.values() for option in re.findall(r"(--\w+) PATH", usage)
    }
    options = {name: dict.fromkeys(re.findall(r"--\w+", usage)) for name, usage in usages.items()}
    return SCRIPT.format(
        commands=LINE.join(commands),
        with_path="|".join(sorted(with_path)),
        options="\n".join(
            f"        {name}) options=$'{LINE.join(known)}' ;;" for name, known in options.items()
        ),
    )
