/** Light and dark, in the colours that each reader's system asks for. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #fff; --text: #1c2128; --quiet: #59636e; --rule: #d8dee4; --panel: #f6f8fa;
  --s1: #2563c9; --s2: #c4560b; --s3: #117a5b; --s4: #a83279; --s5: #6746c3; --s6: #7d6400;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1318; --text: #e2e8ef; --quiet: #98a4b1; --rule: #2d353f; --panel: #171c23;
    --s1: #71a9ff; --s2: #ffa057; --s3: #51cfa6; --s4: #f08cc5; --s5: #b6a1ff; --s6: #d9c25c;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 78rem; background: var(--ground);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .75rem; }
p { margin: 0 0 .5rem; }
.quiet, .notes { color: var(--quiet); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0; }
.tiles div { background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; padding: .75rem 1rem; }
.tiles b { display: block; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; padding: .75rem; }
figcaption { font-weight: 600; margin-bottom: .25rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 0; padding: 0; font-size: .85rem; color: var(--quiet); }
.legend i { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; margin-right: .35rem; background: currentColor; vertical-align: -1px; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--quiet); }
.grid { stroke: var(--rule); } .axis { stroke: var(--quiet); }
.line, .roof { fill: none; stroke-width: 2; stroke: currentColor; }
.roof { color: var(--quiet); stroke-dasharray: 5 4; }
.range { stroke: currentColor; stroke-width: 6; opacity: .25; }
.dot { fill: currentColor; stroke: var(--panel); stroke-width: 1.5; } .bar { fill: currentColor; }
.mark { stroke: var(--text); stroke-dasharray: 3 3; opacity: .6; }
.s1 { color: var(--s1); } .s2 { color: var(--s2); } .s3 { color: var(--s3); }
.s4 { color: var(--s4); } .s5 { color: var(--s5); } .s6 { color: var(--s6); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .45rem; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
th { color: var(--quiet); font-weight: 600; }
.notes { padding-left: 1.2rem; }
@media print { body { max-width: none; padding: 0; } figure, .tiles div { break-inside: avoid; } }
`;
