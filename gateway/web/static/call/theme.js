// Light and dark: what the system prefers, unless somebody chose.

/** The theme of the document. */
export class Theme {
  /**
   * @param {(dark: boolean) => void} onChange
   * @param {string=} chosen "light" or "dark", when somebody chose before
   */
  constructor(onChange, chosen = undefined) {
    this.onChange = onChange;
    this.prefersDark = matchMedia("(prefers-color-scheme: dark)");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
    this.prefersDark.addEventListener("change", () => this.onChange(this.dark));
    this.print();
  }

  get dark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : this.prefersDark.matches;
  }

  /** The other one; returns its name. */
  toggle() {
    const name = this.dark ? "light" : "dark";
    document.documentElement.dataset.theme = name;
    this.onChange(this.dark);
    return name;
  }

  // Paper is white.
  print() {
    const root = document.documentElement;
    let shown = null;
    addEventListener("beforeprint", () => {
      shown = root.dataset.theme ?? "";
      root.dataset.theme = "light";
      this.onChange(false);
    });
    addEventListener("afterprint", () => {
      if (shown) root.dataset.theme = shown;
      else delete root.dataset.theme;
      this.onChange(this.dark);
    });
  }
}
