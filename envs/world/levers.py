"""The three levers of regionalisation, and changes of them at given hours: regions, stock, lanes.

Each is one setting of a scenario. A change pulls one lever or several in the middle of an episode; what is under way
keeps its route, and shelves follow by replenishment alone.
"""

from __future__ import annotations

from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Frozen(BaseModel):
    """A part of a scenario's file: fixed, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, data: Any) -> Any:
        """Pydantic takes true for 1 where a number is wanted."""
        for name, value in data.items() if isinstance(data, dict) else ():
            field = cls.model_fields.get(str(name))
            if isinstance(value, bool) and field is not None and bool not in _types(field.annotation):
                raise ValueError(f"{name} must not be {str(value).lower()}; give a value of its own kind")
        return data


def _types(annotation: Any) -> list[Any]:
    """A type and the types inside it."""
    return [annotation, *(part for inner in get_args(annotation) for part in _types(inner))]


class Boundary(Frozen):
    """Which region every site belongs to."""

    kind: Literal["national", "states", "balanced", "file"] = Field(
        "national", description="`national`: one region. `states`: by US state, see `map`. `balanced`: regions of "
        "about equal demand, see `regions`. `file`: by site, see `path`.",
    )  # fmt: skip
    map: str | None = Field(
        None, description="For `states`: name of a shipped map (us8), or path of a CSV state,region relative to the "
        "scenario file.",
    )  # fmt: skip
    regions: int | None = Field(None, ge=1, le=64, description="For `balanced`: how many regions. Unit: regions.")
    path: str | None = Field(
        None, description="For `file`: CSV site,region, relative to the scenario file. Every station must be listed; "
        "an FC or sort center that is not listed belongs to the region of the nearest station.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_argument(self) -> Self:
        needed = {"national": None, "states": "map", "balanced": "regions", "file": "path"}[self.kind]
        for name in ("map", "regions", "path"):
            given = getattr(self, name) is not None
            if given != (name == needed):
                verb = "needs" if name == needed else "does not take"
                raise ValueError(f"partition kind '{self.kind}' {verb} '{name}'")
        return self


class Partition(Boundary):
    """The regions in force: they determine routes and candidates. Regionalisation is this one setting."""

    counted_by: Boundary | None = Field(
        None, description="Regions of books, KPIs and decision rows, where they differ from those in force. Use it to "
        "measure, in a national network, the share of orders that is served within what may become a region. Default: "
        "the regions in force.",
    )  # fmt: skip


class Layout(Frozen):
    """Which FC carries which SKU, and how much. All layouts but a table have the same SKUs, the same number of FCs per
    SKU, and the same units within 1 %, so a comparison of them is of where stock stands alone."""

    layout: Literal["spread", "scattered", "regional", "table"] = Field(
        "spread", description="`spread`: the FCs of a SKU are far apart, so that each serves the stations around it. "
        "`scattered`: as a network grows, FCs are drawn by size of building. `regional`: a SKU's places are divided "
        "over regions by demand, and sized for the region's own customers first; the regions are those that are "
        "counted. `table`: see `placement`.",
    )  # fmt: skip
    placement: str | None = Field(
        None, description="For `table`: CSV sku,site,units with base-stock levels, relative to the scenario file; it "
        "replaces breadth and safety_factor. An FC that is not listed for a SKU does not carry it.",
    )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _table_by_default(cls, data: Any) -> Any:
        """A placement means the layout `table`, so that a file may name it alone."""
        if isinstance(data, dict) and data.get("placement") is not None:
            return {"layout": "table", **data}
        return data

    @model_validator(mode="after")
    def _one_layout(self) -> Self:
        if (self.layout == "table") != (self.placement is not None):
            if self.placement is None:
                raise ValueError("layout 'table' needs 'placement', a CSV sku,site,units")
            raise ValueError(
                f"layout '{self.layout}' and placement '{self.placement}' both say where stock stands; remove one"
            )
        return self


class RunningLanes(Frozen):
    """Which of the network's lanes run. Routes use no others."""

    kind: Literal["all", "file"] = Field("all", description="`all`: every lane. `file`: those of a plan, see `path`.")
    path: str | None = Field(
        None, description="For `file`: CSV origin,destination with a row per lane that runs, relative to the scenario "
        "file; optional mode, and fill, the share of a truck's room at which a package's standard cost on the lane is "
        "set (default: trucks.standard_fill). `evaluate.py plan` writes it.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_path(self) -> Self:
        if (self.kind == "file") != (self.path is not None):
            verb = "needs" if self.path is None else "does not take"
            raise ValueError(f"lanes kind '{self.kind}' {verb} 'path'")
        return self


class Change(Frozen):
    """One lever or several, pulled at one hour. Packages under way keep their routes. Shelves follow a new layout by
    replenishment: an FC that no longer carries a SKU sells what it has, and no unit vanishes."""

    hour: float = Field(
        gt=0, le=24 * 800, description="When, from the beginning of the episode; a whole tick. Unit: hours."
    )
    partition: Boundary | None = Field(None, description="The regions in force from then on. Default: as before.")
    stock: Layout | None = Field(None, description="The layout of stock from then on. Default: as before.")
    lanes: RunningLanes | None = Field(None, description="The lanes that run from then on. Default: as before.")

    @model_validator(mode="after")
    def _some_lever(self) -> Self:
        if self.partition is None and self.stock is None and self.lanes is None:
            raise ValueError("pulls no lever; give partition, stock or lanes")
        return self
