namespace WeightSpace.Analysis.Report;

/// <summary>The report's style sheet.</summary>
internal static class ReportStyle
{
    /// <summary>
    /// Colours of machines are those of Okabe and Ito, "Color Universal Design" (2008), made darker on white and lighter on black where text
    /// contrast asks for it; everything that colour says, a dash, a filling or a word says too.
    /// </summary>
    public const string Css = """
        :root { color-scheme: light dark; --paper: #fdfcfa; --ink: #1c1c1a; --soft: #63625c; --rule: #ddd9cf; --panel: #f4f2ec; --accent: #9a3412; --band: 0.16;
          --c0: #0072b2; --c1: #d55e00; --c2: #00896a; --c3: #b5518f; --c4: #b07c00; --c5: #2f96c9; --c6: #7a5230; --c7: #5b5b5b; --yes: #00704f; --partly: #8a5a00; --no: #6b3a2e; }
        @media (prefers-color-scheme: dark) { :root { --paper: #17181a; --ink: #e8e6e1; --soft: #a3a19a; --rule: #3a3b3d; --panel: #202225; --accent: #f0986b; --band: 0.22;
          --c0: #56a8e8; --c1: #f28b45; --c2: #35c49a; --c3: #e08fc0; --c4: #e6b422; --c5: #7fcdf2; --c6: #c79a70; --c7: #b0b0b0; --yes: #4cc9a0; --partly: #e0b040; --no: #e09a88; } }
        * { box-sizing: border-box; }
        html { font-size: 17px; }
        body { margin: 0; background: var(--paper); color: var(--ink); font-family: Charter, "Bitstream Charter", "Source Serif 4", Cambria, Georgia, serif; line-height: 1.55; }
        main { max-width: 46rem; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
        h1, h2, h3, nav, .lead, .legend, figcaption, table, .meta, .answer, .tag, .note { font-family: "Inter", "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
        h1 { font-size: 2.1rem; line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 0.5rem; overflow-wrap: anywhere; }
        h2 { font-size: 1.4rem; letter-spacing: -0.01em; margin: 3.2rem 0 0.6rem; padding-top: 1.2rem; border-top: 1px solid var(--rule); line-height: 1.25; }
        h3 { font-size: 1.02rem; margin: 2rem 0 0.3rem; }
        p { margin: 0.6rem 0; }
        a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: 0.15em; }
        code { font-size: 0.86em; background: var(--panel); padding: 0.05em 0.3em; border-radius: 3px; overflow-wrap: anywhere; }
        .eyebrow { font: 600 0.72rem "Inter", "Segoe UI", Roboto, Arial, sans-serif; letter-spacing: 0.09em; text-transform: uppercase; color: var(--accent); margin: 0 0 0.6rem; }
        .lead { color: var(--soft); font-size: 0.98rem; margin: 0 0 1.2rem; }
        nav { font-size: 0.82rem; color: var(--soft); margin: 1rem 0 0; } nav a { margin-right: 1.1rem; white-space: nowrap; }
        .conclusions { list-style: none; margin: 1rem 0; padding: 0; border-top: 1px solid var(--rule); }
        .conclusions li { display: grid; grid-template-columns: 4.6rem 1fr; gap: 0 1rem; padding: 0.9rem 0; border-bottom: 1px solid var(--rule); }
        @media (max-width: 34rem) { .conclusions li { grid-template-columns: 1fr; } }
        .conclusions h3 { margin: 0 0 0.2rem; } .conclusions p { margin: 0; }
        .answer { font-weight: 700; font-size: 0.9rem; text-transform: capitalize; padding-top: 0.1rem; }
        .answer.yes { color: var(--yes); } .answer.partly { color: var(--partly); } .answer.no { color: var(--no); } .answer.open { color: var(--soft); }
        .rule { font-size: 0.78rem; color: var(--soft); font-family: "Inter", "Segoe UI", Roboto, Arial, sans-serif; } .conclusions .rule { margin-top: 0.3rem; }
        figure { margin: 1.6rem 0; } figure > svg { display: block; width: 100%; height: auto; overflow: visible; }
        @media (min-width: 60rem) { figure, .wide { margin-left: -4rem; margin-right: -4rem; } }
        figcaption { font-size: 0.82rem; color: var(--soft); margin-top: 0.5rem; line-height: 1.45; }
        .legend { display: flex; flex-wrap: wrap; gap: 0.15rem 1.1rem; font-size: 0.8rem; margin: 0.4rem 0 0; } .legend span { display: inline-flex; align-items: center; gap: 0.35rem; }
        .key { height: 0.75rem; width: auto; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-size: 0.8rem; width: 100%; margin: 1.2rem 0; font-variant-numeric: tabular-nums; line-height: 1.35; }
        caption { text-align: left; font-weight: 600; padding-bottom: 0.45rem; } caption small { font-weight: 400; color: var(--soft); }
        th, td { text-align: right; padding: 0.32rem 0.55rem; border-bottom: 1px solid var(--rule); vertical-align: top; }
        td { white-space: nowrap; } td.text, th.text { text-align: left; white-space: normal; overflow-wrap: anywhere; } td:first-child, th:first-child { text-align: left; padding-left: 0; }
        thead th { color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--ink); vertical-align: bottom; } tbody th { font-weight: 500; }
        tr.best td, tr.best th { font-weight: 700; } tr.plain td, tr.plain th { color: var(--soft); } tbody tr.first:not(:first-child) td, tbody tr.first:not(:first-child) th { border-top: 2px solid var(--rule); }
        .confusion td, .confusion th + th { text-align: center; min-width: 2.6rem; } .confusion td.hit { outline: 1px solid var(--soft); outline-offset: -2px; }
        .note { background: var(--panel); border-left: 3px solid var(--rule); padding: 0.6rem 0.9rem; font-size: 0.84rem; margin: 1rem 0; } .note p, .note ul { margin: 0.2rem 0; } .note ul { padding-left: 1.1rem; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1.2rem; font-size: 0.86rem; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
        .methods p, .methods li { font-size: 0.92rem; } .methods ol { padding-left: 1.3rem; }
        svg text { font-family: "Inter", "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: var(--ink); font-size: 12px; }
        svg .tick { fill: var(--soft); font-size: 11px; } svg .panel { font-size: 13px; font-weight: 600; }
        .grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--soft); stroke-width: 1; } .frame { fill: none; stroke: var(--rule); }
        .level { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3; } text.level { stroke: none; fill: var(--soft); } text.plain, text.control { fill: var(--soft); }
        .m0 { --c: var(--c0); } .m1 { --c: var(--c1); } .m2 { --c: var(--c2); } .m3 { --c: var(--c3); } .m4 { --c: var(--c4); } .m5 { --c: var(--c5); } .m6 { --c: var(--c6); } .m7 { --c: var(--c7); }
        text.m0, text.m1, text.m2, text.m3, text.m4, text.m5, text.m6, text.m7 { fill: var(--c); }
        .ink, .v0, .v1, .v2, .k1 { --c: var(--ink); } .plain, .control { --c: var(--soft); } .k0, .v3, .v4 { --c: var(--accent); } .k2, .k3, .v5 { --c: var(--soft); }
        .curve { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; } .curve.dashed, .curve.v1, .curve.v4, .curve.v5 { stroke-dasharray: 6 4; } .curve.v0, .curve.v3, .curve.k3 { stroke-dasharray: 2 4; } .curve.k2 { stroke-dasharray: 8 3 2 3; }
        .curve.thin { stroke-width: 1.2; } .curve.thin.plain { stroke-dasharray: 1 3; } .curve.thin.plain.dashed { stroke-dasharray: 5 3; } .curve.control { stroke-width: 1.4; }
        .band { fill: var(--c); fill-opacity: var(--band); stroke: none; } .bar { stroke: var(--c); stroke-width: 1.3; }
        .dot { fill: var(--c); } .dot.v0, .dot.v1, .dot.v3, .dot.v4, .dot.v5 { fill: var(--paper); stroke: var(--c); stroke-width: 1.6; } .dot.v1, .dot.v4, .dot.v5 { fill: var(--rule); } .ring { fill: none; stroke: var(--c); stroke-width: 1.5; } .leaf { fill: var(--c); }
        .tree { fill: none; stroke: var(--soft); stroke-width: 1; }
        @media print { :root { color-scheme: light; } html { font-size: 12px; } main { max-width: none; padding: 0; } figure, .wide { margin-left: 0; margin-right: 0; } figure, table, .conclusions li { break-inside: avoid; } h2, h3 { break-after: avoid; } nav { display: none; } }
        """;
}
