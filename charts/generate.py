"""Writes what the chart has from elsewhere: the copies of config/observability, the configuration's part of values.schema.json, as
`gantry schema` tells it, and the tables of README.md, from the comments of values.yaml. `make chart ARGS=--write` runs it; a test
compares. Needs $GANTRY, the binary."""

import json
import os
import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).parents[1]
CHART = ROOT / "charts" / "gantry"
COPIES = ("gantry-alerts.yaml", "gantry-dashboard.json")
BEGIN, END = "<!-- values -->", "<!-- end of values -->"

# What the chart demands on top of the configuration's own schema, and what it sets itself.
ON_TOP = {
    "listen": {"address": False, "public_url": {"type": "string", "pattern": "^(https?://[^/]+)?$"}},
    "admin": {"address": False},
}


def configuration_schema():
    """The schema of `config`: Gantry's own, without the keys that are the chart's."""
    gantry = subprocess.run([os.environ["GANTRY"], "schema"], capture_output=True, text=True, check=True)
    schema = json.loads(gantry.stdout)

    def lean(part):
        """Without what only readers and number formats need: the schema is part of every packed release."""
        if isinstance(part, dict):
            return {
                key: {name: lean(inner) for name, inner in value.items()} if key == "properties" else lean(value)
                for key, value in part.items()
                if key not in ("description", "default", "format", "$schema", "title", "writeOnly")
            }
        return [lean(inner) for inner in part] if isinstance(part, list) else part

    result = lean(schema)
    for section, keys in ON_TOP.items():
        result["properties"][section]["properties"].update(keys)
    result["description"] = "Gantry's configuration, as `gantry schema` has it; addresses are the chart's own"
    result["required"] = ["listen", "issuers"]
    return result


def schema():
    """The text of values.schema.json."""
    result = json.loads((CHART / "values.schema.json").read_text())
    result["properties"]["config"] = configuration_schema()
    return json.dumps(result, indent=2, ensure_ascii=False) + "\n"


def rows(text):
    """Each key of values.yaml with the comment right above it, in order; a blank line ends a comment's reach."""
    path, comment = [], []
    for line in text.splitlines():
        if found := re.match(r" *# ?(.*)$", line):
            comment.append(found[1])
        elif found := re.match(r"( *)([A-Za-z_]+):", line):
            del path[len(found[1]) // 2 :]
            path.append(found[2])
            yield tuple(path), " ".join(comment)
            comment = []
        else:
            comment = []


def table():
    """The table of all values: sections with what is said of them, keys with their default, too."""
    text = (CHART / "values.yaml").read_text()
    lines = ["| value | default | meaning |", "|---|---|---|"]
    sections = {path[:-1] for path, _ in rows(text)}
    for path, meaning in rows(text):
        value = yaml.safe_load(text)
        for key in path:
            value = value[key]
        if path in sections and not meaning:
            continue
        default = "" if path in sections else f"`{json.dumps(value)}`"
        lines.append(f"| `{'.'.join(path)}` | {default} | {meaning.replace('|', '&#124;').replace('<', '&lt;')} |")
    return "\n".join(lines)


def readme():
    """The text of README.md, with the table between its marks."""
    before, rest = (CHART / "README.md").read_text().split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def generated():
    """Every generated file of the chart with the text that it should have."""
    copies = {CHART / "files" / name: (ROOT / "config" / "observability" / name).read_text() for name in COPIES}
    return copies | {CHART / "values.schema.json": schema(), CHART / "README.md": readme()}


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
