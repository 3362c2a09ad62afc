"""The style sheet of the report page: light, dark and printed."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #ffffff; --ink: #1c2430; --muted: #697386; --line: #dfe3ea;
  --treated: #2f6fde; --control: #9aa4b5; --bad: #d9822b; --good: #1e8e5a; --good-wash: #e7f5ee;
  --bad-wash: #fdf1e3; --plain-wash: #eef1f6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --card: #1a2029; --ink: #e8ecf2; --muted: #96a1b3; --line: #2e3744;
    --treated: #6ea1ff; --control: #7b879b; --bad: #f0a352; --good: #58c896; --good-wash: #16312a;
    --bad-wash: #3a2a18; --plain-wash: #222a35;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5; font-size: 15px;
  font-family: system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 56px; }
header p { margin: 2px 0 0; color: var(--muted); }
h1 { font-size: 28px; line-height: 1.25; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 16px; margin: 0 0 10px; }
.verdict { margin: 20px 0; padding: 14px 18px; border-radius: 10px; background: var(--plain-wash);
  border-inline-start: 4px solid var(--muted); }
.verdict.helped { background: var(--good-wash); border-color: var(--good); }
.verdict.harmed, .verdict.mismatch { background: var(--bad-wash); border-color: var(--bad); }
.verdict p { margin: 0; } .verdict p:first-child { font-weight: 650; font-size: 17px; }
.verdict p + p { color: var(--muted); margin-top: 3px; font-size: 14px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 0 0 20px; padding: 0; }
.figures div, section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.figures div { padding: 12px 16px; }
.figures dt { color: var(--muted); font-size: 13px; }
.figures dd { margin: 2px 0 0; font-size: 22px; font-weight: 650; font-variant-numeric: tabular-nums; white-space: nowrap; }
.figures small { display: block; color: var(--muted); font-size: 12px; font-weight: 400; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 16px; }
section { padding: 16px 18px; margin: 0 0 16px; overflow-x: auto; break-inside: avoid; }
.grid section { margin: 0; } .grid { margin-bottom: 16px; }
svg { display: block; width: 100%; height: auto; } svg text { font-family: inherit !important; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 6px 10px; text-align: end; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { color: var(--muted); font-weight: 500; font-size: 13px; }
th:first-child, td:first-child { text-align: start; padding-inline-start: 0; } tbody th { font-weight: 400; }
th:last-child, td:last-child { padding-inline-end: 0; } tbody tr:last-child > * { border-bottom: 0; }
table.sum tbody tr:last-child > * { border-top: 2px solid var(--ink); font-weight: 650; }
details summary { cursor: pointer; font-weight: 650; }
footer { color: var(--muted); font-size: 13px; margin-top: 20px; }
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --muted: #555; --line: #ccc; --treated: #2f6fde; --control: #9aa4b5;
    --bad: #d9822b; --good: #1e8e5a; --good-wash: #fff; --bad-wash: #fff; --plain-wash: #fff; color-scheme: light; }
  body { font-size: 11pt; } main { max-width: none; padding: 0; } section { overflow: visible; }
  .grid { grid-template-columns: 1fr 1fr; } details > * { display: block; }
  th, td { padding: 3px 6px; font-size: 9pt; } @page { margin: 14mm; }
}
"""
