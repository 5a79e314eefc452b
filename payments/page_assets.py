"""Style and script of the page, inline: it loads nothing."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --quiet: #888 }
:root { --good: #1a7f4b; --warn: #9a6700; --bad: #c2322b }
* { box-sizing: border-box }
body { font: 14px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1500px; padding: 0 20px 40px }
header { align-items: center; display: flex; gap: 20px; padding: 14px 0 }
header p { margin: 0 auto 0 0 }
h1 { font-size: 20px; margin: 0 } h1 small { color: var(--quiet); font-weight: 400 }
h2 { font-size: 15px; margin: 0 0 8px } h2 a { font-size: 12px; font-weight: 400; margin-left: 8px }
.figures { display: flex; flex-wrap: wrap; gap: 12px; margin-bottom: 20px }
.figures div { border: 1px solid var(--line); border-radius: 8px; color: var(--quiet); padding: 8px 14px }
.figures b { color: CanvasText; display: block; font-size: 18px }
main { display: grid; gap: 24px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 640px), 1fr)) }
section { min-width: 0 } section.wide { grid-column: 1 / -1 }
.scroll { border: 1px solid var(--line); border-radius: 8px; max-height: 70vh; overflow: auto }
table { border-collapse: collapse; width: 100% }
th { background: Canvas; color: var(--quiet); font-weight: 500; position: sticky; text-align: left; top: 0 }
th, td { border-bottom: 1px solid var(--line); padding: 6px 10px; vertical-align: top }
td { white-space: nowrap } td.wrap { min-width: 150px; overflow-wrap: anywhere; white-space: normal }
tr:last-child td { border-bottom: 0 }
code { color: var(--quiet); font-size: 11px }
pre { font-size: 11px; margin: 6px 0; max-height: 300px; overflow: auto; white-space: pre-wrap }
.quiet { color: var(--quiet) }
.badge { border: 1px solid currentColor; border-radius: 10px; font-size: 12px; padding: 0 8px }
.badge { white-space: nowrap }
.good { color: var(--good) } .warn { color: var(--warn) } .bad { color: var(--bad) }
button { background: none; border: 1px solid var(--line); border-radius: 6px; cursor: pointer; font: inherit }
button { padding: 2px 10px } button:hover, button:focus-visible { border-color: currentColor }
#said { background: var(--bad); border-radius: 8px; bottom: 12px; color: #fff; margin: 0; padding: 8px 14px }
#said { position: fixed; right: 20px } #said:empty { display: none }
"""
SCRIPT: Final = """
document.addEventListener('click', async event => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.reload !== undefined) return location.reload();
  button.disabled = true;
  const path = `/_control/invoices/${button.dataset.invoice}/${button.dataset.act}`;
  const headers = {'Content-Type': 'application/json'};
  const answer = await fetch(path, {method: 'POST', headers, body: '{}'});
  if (answer.ok) return location.reload();
  document.getElementById('said').textContent = (await answer.json()).error.message;
  button.disabled = false;
});
"""
