// A list on the page that follows a list of things: rows stay while their things do.

/** Rows by key. */
export class Keyed {
  /**
   * @param {HTMLElement} root holds the rows and nothing else
   * @param {(thing: object) => string} keyOf
   * @param {(thing: object) => {node: HTMLElement, update: (thing: object) => void}} make
   */
  constructor(root, keyOf, make) {
    this.root = root;
    this.keyOf = keyOf;
    this.make = make;
    this.rows = new Map();
  }

  /** These things from now on, in this order. */
  show(things) {
    const before = this.rows;
    this.rows = new Map();
    for (const thing of things) {
      const key = this.keyOf(thing);
      const row = before.get(key) ?? this.make(thing);
      before.delete(key);
      this.rows.set(key, row);
      row.update(thing);
    }
    for (const row of before.values()) row.node.remove();
    let at = this.root.firstChild;
    for (const { node } of this.rows.values()) {
      if (node === at) at = at.nextSibling;
      else this.root.insertBefore(node, at);
    }
  }

  /** Every row there is. */
  each(tell) {
    for (const row of this.rows.values()) tell(row);
  }
}

/** Puts a text into an element, when it is another one. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
