// Signing in.

import { el } from "../../call/dom.js";

export function mount(root, app) {
  const name = el("input", { id: "signin-name", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, maxlength: "128" });
  const password = el("input", { id: "signin-password", name: "password", type: "password", autocomplete: "current-password", required: true, maxlength: "1024" });
  const error = el("p", { class: "form-error", role: "alert" });
  const enter = el("button", { type: "submit", class: "main" }, "Sign in");
  const form = el("form", { class: "card signin" },
    el("h1", { tabindex: "-1" }, "Sign in to the gateway"),
    el("p", { class: "field" }, el("label", { for: "signin-name" }, "Name"), name),
    el("p", { class: "field" }, el("label", { for: "signin-password" }, "Password"), password),
    error, enter);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    error.textContent = "";
    enter.disabled = true;
    try {
      await app.session.signIn(name.value.trim(), password.value);
      password.value = "";
      app.signedIn();
    } catch (refusal) {
      error.textContent = refusal.message;
      password.select();
    } finally {
      enter.disabled = false;
    }
  });
  root.append(form);
  name.focus();
}
