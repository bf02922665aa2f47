// Who is there, and the form to sign in with.

const session = new URL("../../api/session", import.meta.url);

export async function whoami() {
  const answer = await fetch(session);
  return answer.ok ? answer.json() : null;
}

export async function signIn(name, password) {
  const answer = await fetch(session, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name, password }),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

export async function signOut() {
  await fetch(session, { method: "DELETE" });
}

function field(form, label, type, name, autocomplete) {
  const around = document.createElement("label");
  const input = document.createElement("input");
  around.textContent = label;
  Object.assign(input, { type, name, autocomplete, required: true });
  around.append(input);
  form.append(around);
  return input;
}

export function signInForm(root, onSignedIn) {
  const form = document.createElement("form");
  const name = field(form, "Name", "text", "name", "username");
  const password = field(form, "Password", "password", "password", "current-password");
  const button = document.createElement("button");
  const fault = document.createElement("p");
  button.textContent = "Sign in";
  fault.setAttribute("role", "alert");
  form.append(button, fault);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    fault.textContent = "";
    try {
      onSignedIn(await signIn(name.value, password.value));
    } catch (error) {
      fault.textContent = error.message;
      password.select();
    } finally {
      button.disabled = false;
    }
  });
  root.replaceChildren(form);
}

function welcome(root, who) {
  const line = document.createElement("p");
  line.id = "who";
  line.textContent = `${who.name} (${who.role})`;
  root.replaceChildren(line);
  if (who.via !== "session") return;
  const button = document.createElement("button");
  button.textContent = "Sign out";
  button.addEventListener("click", async () => {
    await signOut();
    signInForm(root, (next) => welcome(root, next));
  });
  root.append(button);
}

const root = document.querySelector("#page");
if (root) {
  const who = await whoami();
  if (who) welcome(root, who);
  else signInForm(root, (next) => welcome(root, next));
}
