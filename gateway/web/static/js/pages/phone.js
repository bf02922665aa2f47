// The softphone: its own modules under static/phone/, within the dashboard.

import { el } from "../../call/dom.js";
import { nothing, pageHead } from "../parts/states.js";

export function mount(root, app, { query }) {
  const place = el("div", { class: "phone-place" });
  root.append(pageHead("Softphone"), place);
  let dispose = null;
  let left = false;
  void open();

  async function open() {
    let softphone;
    let agents = [];
    try {
      [softphone, agents] = await Promise.all([import("../../phone/phone.js"), app.api.ask("/api/agents")]);
    } catch (error) {
      place.replaceChildren(nothing("The softphone did not arrive", error.message));
      return;
    }
    if (left) return;
    dispose = softphone.mountPhone(place, {
      api: app.api,
      agents,
      live: app.live,
      chosen: query.get("agent"),
      onCall: (callSid) => app.shell.announce(`Call ${callSid}`),
    });
  }

  return () => {
    left = true;
    if (typeof dispose === "function") dispose();
  };
}
