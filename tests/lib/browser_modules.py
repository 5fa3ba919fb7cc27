"""Modules of node_modules for a browser, without a bundler: what an import names is found as bundlers find it (the fields
browser, exports and module of package.json), and stands as a path in the source that is served."""

import json
import os
import re

CONDITIONS = ("browser", "import", "module", "default")
NOTHING = "nothing"
IMPORT = re.compile(r"""(\b(?:from|import)\s*\(?\s*)(["'])([^"'\n]+)\2""")


class Modules:
    def __init__(self, root, base="/modules/"):
        self.root, self.base = root, base
        self.packages = {}

    def package(self, folder):
        if folder not in self.packages:
            path = os.path.join(self.root, folder, "package.json")
            with open(path) as file:
                self.packages[folder] = json.load(file)
        return self.packages[folder]

    def package_of(self, path):
        """The package in whose folder the file is."""
        parts = path.split("/")
        at = len(parts) - 1 - parts[::-1].index("node_modules") + 1 if "node_modules" in parts else 0
        return "/".join(parts[: at + (2 if parts[at].startswith("@") else 1)])

    def file(self, path):
        for candidate in (path, path + ".js", os.path.join(path, "index.js")):
            if os.path.isfile(os.path.join(self.root, candidate)):
                return candidate
        raise FileNotFoundError(path)

    def for_browsers(self, path):
        """What a package has in the place of this file in browsers; None: nothing."""
        folder = self.package_of(path)
        instead = self.package(folder).get("browser", {})
        if isinstance(instead, str):
            return path
        inside = "./" + os.path.relpath(path, folder)
        for name in (inside, inside.removesuffix(".js")):
            if name in instead:
                return self.file(os.path.normpath(os.path.join(folder, instead[name]))) if instead[name] else None
        return path

    def condition(self, entry):
        while isinstance(entry, dict):
            entry = next(entry[name] for name in CONDITIONS if name in entry)
        return entry

    def entry(self, folder, inside):
        package = self.package(folder)
        if package.get("exports") and inside in package["exports"]:
            return self.condition(package["exports"][inside])
        if inside != ".":
            return inside
        browser = package.get("browser")
        return package.get("module") or (browser if isinstance(browser, str) else package.get("main", "index.js"))

    def find(self, name, importer):
        if name.startswith("."):
            return self.for_browsers(self.file(os.path.normpath(os.path.join(os.path.dirname(importer), name))))
        parts = name.split("/")
        length = 2 if name.startswith("@") else 1
        inside = "./" + "/".join(parts[length:]) if parts[length:] else "."
        nested = self.package_of(importer) + "/node_modules/" + "/".join(parts[:length]) if importer else ""
        folder = nested if nested and os.path.isdir(os.path.join(self.root, nested)) else "/".join(parts[:length])
        return self.for_browsers(self.file(os.path.normpath(os.path.join(folder, self.entry(folder, inside)))))

    def source(self, path):
        """The text of a module, its imports as paths on the server."""
        if path == NOTHING:
            return b""
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            text = file.read()
        if path.endswith(".json"):
            return b"export default " + text.encode()

        def replace(match):
            try:
                found = self.find(match[3], path)
            except FileNotFoundError:  # a text that looks like an import
                return match[0]
            return f"{match[1]}{match[2]}{self.base}{found or NOTHING}{match[2]}"

        return IMPORT.sub(replace, text).encode()
