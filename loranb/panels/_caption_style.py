"""How the captions' panel looks, besides what all panels share; colours are translucent or the notebook's own."""

STYLE = """<style>
.loranb .lb-caption-columns { flex-flow: row wrap; align-items: flex-start; width: 100%; grid-gap: 6px 16px; }
.loranb .lb-aside-tags { flex: 0 1 240px; min-width: min(220px, 100%); margin: 0; }
.loranb .lb-captions { flex: 1 1 460px; min-width: 0; width: 0; margin: 0; }
.loranb .lb-tag-list select { height: 420px; width: 100%; font-variant-numeric: tabular-nums; border-radius: 4px; }
.loranb .lb-tag-list select option { padding: 1px 4px; }
.loranb .lb-folds { border-bottom: 1px solid rgba(128,128,128,.25); padding-bottom: 4px; margin-bottom: 4px; }
.loranb .lb-folds .widget-toggle-button { border-radius: 14px; box-shadow: none; padding: 0 12px; }
.loranb .lb-folds .widget-toggle-button.mod-active { background: var(--jp-brand-color1, #1976d2); color: #fff; }
.loranb .lb-unfolded > .widget-box { padding: 2px 2px 8px; border-bottom: 1px solid rgba(128,128,128,.25);
  margin-bottom: 4px; box-sizing: border-box; }
.loranb .lb-finding summary, .loranb .lb-finding .lb-detail { overflow-wrap: anywhere; }
.loranb .lb-changes { max-height: 330px; overflow-y: auto; }
.loranb .lb-change { display: grid; grid-template-columns: minmax(80px, 140px) 1fr 1fr; gap: 2px 14px;
  padding: 4px 0; border-bottom: 1px solid rgba(128,128,128,.18); font-size: 12px; line-height: 1.4;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.loranb .lb-change del { background: rgba(211,47,47,.22); border-radius: 2px; }
.loranb .lb-change ins { background: rgba(56,142,60,.26); border-radius: 2px; text-decoration: none; }
@media (max-width: 760px) {
  .loranb .lb-change { grid-template-columns: 1fr; }
  .loranb .lb-aside-tags { flex-basis: 100%; }
  .loranb .lb-tag-list select { height: 110px; }
}
</style>"""
