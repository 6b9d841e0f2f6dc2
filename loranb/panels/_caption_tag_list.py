"""The list of tags beside the captions: how often each stands there, which captions have it, and changes to it."""

from collections.abc import Callable, Mapping, Sequence

import ipywidgets as w

from loranb.panels._platform import with_tooltip
from loranb.panels._show import small, title

MOST = 400  # tags in the list; more are found by typing
HOW = {"that have all of these": "all", "that have one of these": "any", "that have none of these": "none"}
ORDERS = {"often first": "often", "seldom first": "seldom", "a to z": "name"}
FIGURE_SPACE = "\N{FIGURE SPACE}"  # as wide as a digit, so that counts stand in a column


class TagList(w.VBox):
    """Tags with their counts.

    Args:
        picked: called when other tags were chosen, or what is wanted of them.
        counted: called when tags are to be counted in other captions.
        act: called with ``rename``, ``remove`` or ``add``, the chosen tags, and for ``rename`` the new name.
    """

    def __init__(
        self,
        picked: Callable[[], None],
        counted: Callable[[], None],
        act: Callable[[str, list[str], str], None],
    ):
        self._counts: Mapping[str, int] = {}
        self._filling = False
        self._picked, self._act = picked, act
        full = w.Layout(width="auto", margin="2px 0")
        self.where = w.Dropdown(options=[("in all captions", "all")], layout=full)
        self.narrow = w.Text(placeholder="find a tag", layout=w.Layout(flex="1 1 90px", width="0"))
        self.order = w.Dropdown(options=list(ORDERS.items()), layout=w.Layout(width="104px"))
        self.list = w.SelectMultiple(layout=w.Layout(width="auto", height="auto", margin="2px 0"))
        self.list.add_class("lb-tag-list")
        self.how = w.Dropdown(options=list(HOW.items()), layout=full)
        self.told = w.HTML()
        self._make_tools()
        self._observe(counted)
        finding = w.HBox([self.narrow, self.order], layout=w.Layout(width="100%"))
        super().__init__(
            [w.HTML(title("Tags")), self.where, finding, self.list, self.told, self.tools],
            layout=w.Layout(width="100%"),
        )
        self.add_class("lb-tags")
        self._show_tools()

    def _make_tools(self) -> None:
        self.name = w.Text(layout=w.Layout(flex="1 1 90px", width="0"))
        self.rename = with_tooltip(_button("Rename"), "Write the chosen tag so, in the captions counted here")
        self.remove = with_tooltip(_button("Take out", "times"), "Out of the captions counted here")
        self.add = with_tooltip(_button("Add to selected", "plus"), "At the end of the selected captions")
        renaming = w.HBox([self.name, self.rename], layout=w.Layout(width="100%"))
        rest = w.HBox([self.remove, self.add])
        rest.add_class("lb-part")
        self.tools = w.VBox([self.how, renaming, rest], layout=w.Layout(width="100%"))
        self._renaming = renaming

    def _observe(self, counted: Callable[[], None]) -> None:
        self.where.observe(lambda _: None if self._filling else counted(), "value")
        for control in (self.narrow, self.order):
            control.observe(lambda _: None if self._filling else self._fill(), "value")
        self.list.observe(lambda _: None if self._filling else self._chosen(), "value")
        self.how.observe(lambda _: None if self._filling else self._picked(), "value")
        self.rename.on_click(lambda _: self._act("rename", self.tags, self.name.value))
        self.remove.on_click(lambda _: self._act("remove", self.tags, ""))
        self.add.on_click(lambda _: self._act("add", self.tags, ""))

    @property
    def tags(self) -> list[str]:
        """Those that are chosen."""
        return list(self.list.value)

    def pick(self, tags: Sequence[str]) -> None:
        """Choose tags; nobody is told."""
        self._filling = True
        self._options(tags)
        self._filling = False
        self._show_chosen()

    def offer(self, places: Sequence[tuple[str, str]]) -> None:
        """Offer where tags can be counted; what is chosen stays so as long as it is offered."""
        if tuple(places) == tuple(self.where.options):
            return
        before = self.where.value
        self._filling = True
        self.where.options = list(places)
        self.where.value = before if before in [value for _, value in places] else places[0][1]
        self._filling = False

    def show(self, counts: Mapping[str, int], selected: int) -> None:
        """Show tags, the most frequent first.

        Args:
            counts: in how many captions each stands.
            selected: how many pictures are selected, for the button that adds to them.
        """
        if counts != self._counts:
            self._counts = dict(counts)
            self._fill()
        self.add.description = f"Add to {selected} selected" if selected else "Add to selected"
        self.add.disabled = not selected

    def _fill(self) -> None:
        self._filling = True
        self._options([tag for tag in self.tags if tag in self._counts])
        self._filling = False

    def _options(self, chosen: Sequence[str]) -> None:
        """List what fits what was typed; chosen ones are always there, so that they can be let go."""
        words = self.narrow.value.strip().casefold()
        fitting = [tag for tag in self._counts if words in tag.casefold() or tag in chosen]
        if self.order.value == "name":
            fitting.sort(key=str.casefold)
        elif self.order.value == "seldom":
            fitting.reverse()
        listed = [tag for tag in fitting if tag in chosen] + [tag for tag in fitting if tag not in chosen]
        widest = len(str(max(self._counts.values(), default=0)))
        options = [(f"{_padded(self._counts[tag], widest)}  {tag}", tag) for tag in listed[:MOST]]
        if tuple(options) != tuple(self.list.options):
            self.list.options = options
        self.list.value = [tag for tag in chosen if tag in listed[:MOST]]
        more = len(listed) - MOST
        said = f"{len(self._counts)} tags" if more <= 0 else f"{MOST} of {len(listed)} tags; type to find the others"
        self.told.value = small(said if self._counts else "No tags yet.")

    def _chosen(self) -> None:
        self._show_chosen()
        self._picked()

    def _show_chosen(self) -> None:
        self.name.value = self.tags[0] if len(self.tags) == 1 else ""
        self._show_tools()

    def _show_tools(self) -> None:
        self.tools.layout.display = "" if self.tags else "none"
        self._renaming.layout.display = "" if len(self.tags) == 1 else "none"


def _padded(count: int, digits: int) -> str:
    return str(count).rjust(digits, FIGURE_SPACE)


def _button(text: str, icon: str = "") -> w.Button:
    return w.Button(description=text, icon=icon, layout=w.Layout(width="auto"))
