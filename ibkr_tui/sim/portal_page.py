"""The portal as a page for a browser, to practise on: the same three uploads and one token as IBKR's own.

Files are read by the browser and sent as JSON: a form would send its text with CRLF line ends.
"""

from __future__ import annotations

PORTAL_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

PORTAL_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Simulated OAuth portal</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
label { display: block; margin: .6rem 0 } label span { display: inline-block; min-width: 14rem }
table { border-collapse: collapse; font-size: .85rem } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
pre { background: #eee; color: #111; padding: .6rem; white-space: pre-wrap; word-break: break-all }
.bad { color: #b00020 }
</style>
<h1>Simulated OAuth portal</h1>
<p>A rehearsal: nothing here reaches Interactive Brokers.</p>
<form id="form">
<label><span>Consumer key (nine letters)</span><input id="key" maxlength="9" autocomplete="off"></label>
<label><span>Public signature key</span><input type="file" id="signature"></label>
<label><span>Public encryption key</span><input type="file" id="encryption"></label>
<label><span>Diffie-Hellman parameters</span><input type="file" id="dhparam"></label>
<label><span>Account</span><select id="account"><option>paper<option>live</select></label>
<label><span>Active after (seconds)</span><input id="delay" type="number" min="0" value="0"></label>
<p><button name="register">Upload</button> <button name="token">Generate token</button>
<button name="activate">Activate now</button> <button name="revoke">Revoke</button></p>
</form>
<pre id="answer" role="status">Upload the three files, then generate a token.</pre>
<table id="known"></table>
<script>
const here = location.pathname, at = id => document.getElementById(id);
function say(text, bad) { at("answer").textContent = text; at("answer").className = bad ? "bad" : ""; }
function cells(row, kind, values) {
  for (const value of values) { const cell = document.createElement(kind); cell.textContent = value; row.append(cell); }
}
async function refresh() {
  const known = at("known");
  known.textContent = "";
  const { consumers } = await (await fetch(here, { headers: { Accept: "application/json" } })).json();
  cells(known.insertRow(), "th", ["consumer", "account", "signature", "encryption", "token", "logins", "state"]);
  for (const it of consumers) {
    const state = it.missing.length ? "wants " + it.missing.join(", ")
      : it.active ? "active" : "active in " + Math.ceil(it.active_in_s) + " s";
    const row = known.insertRow();
    cells(row, "td", [it.consumer_key, it.environment, (it.signature || "-").slice(0, 23),
                      (it.encryption || "-").slice(0, 23), it.token ? "yes" : "no", it.logins, state]);
  }
}
at("form").addEventListener("submit", async event => {
  event.preventDefault();
  const what = event.submitter.name, body = { do: what, consumer_key: at("key").value.trim() };
  if (what === "register") {
    body.account = at("account").value;
    body.activation_delay_s = Number(at("delay").value);
    for (const name of ["signature", "encryption", "dhparam"])
      if (at(name).files[0]) body[name] = await at(name).files[0].text();
  }
  const answered = await fetch(here, { method: "POST", body: JSON.stringify(body) });
  const said = await answered.json();
  if (!answered.ok) say(said.error, true);
  else if (what === "token")
    say("Access token\\n" + said.access_token + "\\n\\nAccess token secret\\n" + said.access_token_secret
        + "\\n\\nShown once: copy them now.");
  else say("Done.");
  refresh();
});
refresh();
</script>
</html>
"""
