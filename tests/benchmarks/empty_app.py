"""The smallest Textual app: what no app of this kind can start faster than."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class EmptyApp(App[None]):
    """One line of text; q leaves."""

    BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        """The line the stopwatch waits for."""
        yield Static("empty and ready")


if __name__ == "__main__":
    EmptyApp().run()
