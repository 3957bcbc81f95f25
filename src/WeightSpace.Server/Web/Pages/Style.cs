namespace WeightSpace.Server.Web.Pages;

/// <summary>The style sheet and the icon, served from addresses of their own: the pages' policy lets nothing inside a page style it.</summary>
internal static class Style
{
    /// <summary>Three clusters of points.</summary>
    public const string Icon = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32"><rect width="32" height="32" rx="7" fill="#173f35"/><g fill="#f4c95d"><circle cx="9" cy="10" r="2.6"/><circle cx="13.5" cy="7.2" r="1.7"/><circle cx="7.4" cy="15" r="1.6"/></g><g fill="#7fd1b9"><circle cx="22.5" cy="13" r="2.8"/><circle cx="26" cy="17.6" r="1.7"/><circle cx="20" cy="17.8" r="1.5"/></g><g fill="#f28b6b"><circle cx="13" cy="23.4" r="2.6"/><circle cx="17.6" cy="26" r="1.6"/><circle cx="9.2" cy="26.2" r="1.5"/></g></svg>
        """;

    /// <summary>The icon inside a page.</summary>
    public static readonly Markup Mark = new(Icon.Replace("<svg ", "<svg aria-hidden=\"true\" ", StringComparison.Ordinal));

    /// <summary>
    /// Texts have a contrast of 4.5 or more on their ground, in light and in dark. Colours of classes are those of Okabe and Ito, "Color Universal Design" (2008), darker on white.
    /// </summary>
    public const string Css = """
        :root { color-scheme: light dark; --paper: #f7f6f2; --card: #ffffff; --ink: #1b211f; --soft: #55605b; --rule: #dcdfd8; --accent: #0b6b52; --on-accent: #ffffff; --warm: #9a3412; --glow: #c2410c; --dim: #b4bab3;
          --c0: #0072b2; --c1: #c2570c; --c2: #00795f; --c3: #a8437f; --c4: #8f6600; --c5: #2a83b0; --c6: #7a5230; --c7: #5b5b5b; }
        @media (prefers-color-scheme: dark) { :root { --paper: #121615; --card: #1a201e; --ink: #e7ebe8; --soft: #a2ada7; --rule: #313a37; --accent: #62d1b0; --on-accent: #0b1512; --warm: #f0986b; --glow: #ffb454; --dim: #4a5450;
          --c0: #56a8e8; --c1: #f28b45; --c2: #35c49a; --c3: #e08fc0; --c4: #e6b422; --c5: #7fcdf2; --c6: #c79a70; --c7: #b0b0b0; } }
        * { box-sizing: border-box; }
        html { font-size: 100%; -webkit-text-size-adjust: 100%; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: break-word; }
        a { color: var(--accent); text-underline-offset: 0.15em; }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
        .skip { position: absolute; left: -100rem; } .skip:focus { left: 1rem; top: 0.5rem; background: var(--card); padding: 0.4rem 0.8rem; z-index: 1; }
        .bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 1.6rem; max-width: 68rem; margin: 0 auto; padding: 1rem 1.25rem; }
        .brand { display: inline-flex; align-items: center; gap: 0.6rem; font-weight: 700; font-size: 1.1rem; color: var(--ink); text-decoration: none; margin-right: auto; min-width: 0; } .brand svg { width: 1.9rem; height: 1.9rem; flex: none; } .brand span { overflow-wrap: anywhere; }
        nav { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; } nav a { color: var(--soft); text-decoration: none; padding: 0.3rem 0; } nav a:hover, nav a[aria-current] { color: var(--ink); } nav a[aria-current] { border-bottom: 2px solid var(--accent); }
        main { max-width: 68rem; margin: 0 auto; padding: 0.5rem 1.25rem 3rem; }
        footer { max-width: 68rem; margin: 0 auto; padding: 1rem 1.25rem 2.5rem; color: var(--soft); font-size: 0.85rem; border-top: 1px solid var(--rule); }
        h1 { font-size: clamp(1.7rem, 1.2rem + 2.4vw, 2.7rem); line-height: 1.12; letter-spacing: -0.025em; margin: 1.2rem 0 0.8rem; overflow-wrap: anywhere; text-wrap: balance; }
        h2 { font-size: 1.25rem; letter-spacing: -0.01em; margin: 0 0 0.8rem; line-height: 1.25; } h3 { font-size: 1rem; margin: 0 0 0.3rem; overflow-wrap: anywhere; }
        p { margin: 0.5rem 0; } .lead { font-size: 1.1rem; color: var(--soft); max-width: 44rem; } .note { color: var(--soft); font-size: 0.88rem; } .none { color: var(--soft); }
        section { background: var(--card); border: 1px solid var(--rule); border-radius: 14px; padding: 1.3rem 1.4rem; margin: 1.2rem 0; min-width: 0; }
        .two { display: grid; gap: 1.2rem; margin: 1.2rem 0; align-items: start; } .two > * { margin: 0; min-width: 0; } .two > div > :first-child { margin-top: 0; } .two > div > :last-child { margin-bottom: 0; } @media (min-width: 52rem) { .two { grid-template-columns: 1fr 1fr; } .two.wide { grid-template-columns: 2fr 3fr; } }
        .figures { display: flex; flex-wrap: wrap; gap: 0.8rem 2.4rem; margin: 1.2rem 0; } .figure b { display: block; font-size: 1.6rem; line-height: 1.15; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; } .figure span { color: var(--soft); font-size: 0.88rem; }
        ol.steps { counter-reset: step; list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; } ol.steps li { counter-increment: step; display: grid; grid-template-columns: 2.2rem 1fr; gap: 0.3rem; }
        ol.steps li::before { content: counter(step); width: 1.6rem; height: 1.6rem; border-radius: 50%; background: var(--accent); color: var(--on-accent); font-weight: 700; font-size: 0.9rem; display: grid; place-items: center; } ol.steps p { margin: 0; }
        code, .key { font: 0.9em ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; background: var(--paper); border: 1px solid var(--rule); border-radius: 5px; padding: 0.05em 0.35em; overflow-wrap: anywhere; } .key { display: block; padding: 0.7rem; font-size: 1rem; user-select: all; }
        .growing { padding: 0.9rem 0; border-top: 1px solid var(--rule); } .growing:first-of-type { border-top: 0; padding-top: 0; } .growing p { margin: 0.2rem 0 0; }
        progress { appearance: none; -webkit-appearance: none; display: block; width: 100%; height: 0.65rem; border: 0; border-radius: 9px; background: var(--rule); overflow: hidden; margin: 0.35rem 0; }
        progress::-webkit-progress-bar { background: var(--rule); border-radius: 9px; } progress::-webkit-progress-value { background: var(--accent); border-radius: 9px; } progress::-moz-progress-bar { background: var(--accent); border-radius: 9px; }
        .scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 0.92rem; font-variant-numeric: tabular-nums; } caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        th, td { text-align: right; padding: 0.45rem 0.6rem; border-bottom: 1px solid var(--rule); vertical-align: top; white-space: nowrap; } thead th { color: var(--soft); font-weight: 600; font-size: 0.82rem; vertical-align: bottom; }
        th:first-child { text-align: left; padding-left: 0; font-weight: 600; white-space: normal; min-width: 8rem; overflow-wrap: anywhere; } td:last-child, thead th:last-child { padding-right: 0; } td .long { white-space: normal; text-align: left; display: block; min-width: 14rem; overflow-wrap: anywhere; } tbody tr:last-child > * { border-bottom: 0; }
        .bad { color: var(--warm); font-weight: 600; }
        figure { margin: 0; } figure svg { display: block; width: 100%; height: auto; } figcaption { color: var(--soft); font-size: 0.86rem; margin-top: 0.6rem; }
        .plane { fill: var(--paper); stroke: var(--rule); } .axis { stroke: var(--rule); stroke-width: 1; } svg text { fill: var(--soft); font: 12px system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
        .points { fill: none; stroke-linecap: round; stroke-width: 6; stroke-opacity: 0.75; } .points.others { stroke: var(--dim); stroke-width: 5; stroke-opacity: 0.8; } .points.mine { stroke: var(--glow); stroke-width: 8; stroke-opacity: 0.95; } .points.halo { stroke: var(--glow); stroke-width: 16; stroke-opacity: 0.18; }
        .c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); } .c3 { stroke: var(--c3); } .c4 { stroke: var(--c4); } .c5 { stroke: var(--c5); } .c6 { stroke: var(--c6); } .c7 { stroke: var(--c7); }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 0.7rem 0 0; padding: 0; font-size: 0.86rem; } .legend li { display: inline-flex; align-items: center; gap: 0.4rem; } .legend svg { width: 12px; height: 12px; }
        form { display: grid; gap: 0.9rem; max-width: 26rem; } form.line { display: inline-grid; margin: 0 0.3rem 0.3rem 0; } label { font-weight: 600; display: grid; gap: 0.25rem; } label.tick { display: flex; gap: 0.6rem; align-items: baseline; font-weight: 400; } label small { font-weight: 400; color: var(--soft); }
        input:not([type=checkbox]) { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: 8px; padding: 0.55rem 0.7rem; width: 100%; }
        button { font: inherit; font-weight: 600; color: var(--on-accent); background: var(--accent); border: 0; border-radius: 8px; padding: 0.6rem 1.1rem; cursor: pointer; justify-self: start; } button.plain { background: none; color: var(--accent); border: 1px solid currentColor; padding: 0.35rem 0.8rem; }
        .said { border-left: 4px solid var(--accent); padding: 0.7rem 1rem; background: var(--card); border-radius: 6px; max-width: 44rem; } .said.wrong { border-color: var(--warm); }
        """;
}
