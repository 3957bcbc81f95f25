using WeightSpace.Server.Projects;

namespace WeightSpace.Server.Web.Pages;

/// <summary>The project's first page, and its top lists.</summary>
internal static class HomePage
{
    private const int MostExperiments = 8, MostOfTop = 5;

    public static Markup Write(Project project, string root, Tally tally)
    {
        ExperimentTally[] growing = [.. tally.Experiments.Where(each => each.IsUnderWay).Take(MostExperiments)];
        ExperimentTally[] complete = [.. tally.Experiments.Where(each => each.State == "complete").Take(MostExperiments)];
        return Markup.Of($"""
            <h1>Grow neural networks, and learn to read them</h1>
            <p class="lead">Volunteers' machines train thousands of small neural networks here, every one of them under full control, so that it can be studied what a network's weights tell about what it has learned: which task, from which data, and whether somebody tampered with them.</p>
            <div class="figures">
            {Page.Figure(tally.NetworksDone, "network grown", "networks grown")}{Page.Figure(tally.HostsOfDay, "machine in the last day", "machines in the last day")}{Page.Figure(tally.Accounts, "volunteer", "volunteers")}{Page.Figure(Words.Credit((long)Math.Min(tally.Flops, 9e18)), "cobblestones of credit")}</div>
            <div class="two wide">
            <div>
            <section aria-labelledby="take-part">
            <h2 id="take-part">Take part in three steps</h2>
            <ol class="steps">
            <li><p>Install <b>BOINC</b>. On Debian or Ubuntu: <code>sudo apt install boinc-client boinc-manager</code></p></li>
            <li><p>In the BOINC manager choose <b>Add project</b>, and give this address: <code>{project.Url}</code></p></li>
            <li><p>Make an account there, or <a href="{root}sign-in">here</a>. That is all: work comes by itself, and only when your machine has time for it.</p></li>
            </ol>
            </section>
            <section aria-labelledby="owners">
            <h2 id="owners">Volunteers</h2>
            {Owners(tally.Owners.Take(MostOfTop))}</section>
            </div>
            <div>
            <section aria-labelledby="growing">
            <h2 id="growing">Growing now</h2>
            {Experiments(growing)}{Markup.When(complete.Length > 0, () => Markup.Of($"<p class=\"note\">Complete: {string.Join(", ", complete.Select(each => $"{each.Name} ({Words.Count(each.Networks, "network", "networks")})"))}.</p>\n"))}</section>
            {Map(tally.Map)}</div>
            </div>
            <section aria-labelledby="hosts">
            <h2 id="hosts">Machines</h2>
            {Hosts(tally.TopHosts.Take(MostOfTop), tally.At)}</section>
            {Markup.When(tally.Owners.Count > MostOfTop, () => Markup.Of($"<p><a href=\"{root}top\">All of the top lists</a></p>\n"))}
            """);
    }

    public static Markup Top(Tally tally) => Markup.Of($"""
        <h1>Top lists</h1>
        <p class="lead">Credit is counted from the operations of validated training: 200 cobblestones are what a machine of 1 GFLOP/s does in a day.</p>
        <section aria-labelledby="owners">
        <h2 id="owners">Volunteers</h2>
        {Owners(tally.Owners)}</section>
        <section aria-labelledby="hosts">
        <h2 id="hosts">Machines</h2>
        {Hosts(tally.TopHosts, tally.At)}</section>
        <p class="note">Counted {Words.Ago(tally.At, tally.At)}.</p>

        """);

    private static Markup Experiments(ExperimentTally[] experiments) => experiments.Length == 0 ? Markup.Of($"<p class=\"none\">Nothing at the moment. Machines that are attached get work when the next experiment is handed in.</p>\n")
        : Markup.Join(experiments.Select(each => Markup.Of($"""
            <div class="growing">
            <h3>{each.Name}</h3>
            {Page.Progress($"Progress of {each.Name}", each.Share)}
            <p class="note">{each.NetworksDone} of {Words.Count(each.Networks, "network", "networks")}{(each.State == "running" ? "" : each.State == "paused" ? ", paused" : ", being prepared")}{(each.Left is { } left ? $", about {Words.Span(left)} left" : "")}</p>
            </div>

            """)));

    private static Markup Map(WeightMap? map) => map is null ? Markup.Empty : Markup.Of($"""
        <section aria-labelledby="map">
        <h2 id="map">Weight space of {map.Name}</h2>
        {MapFigure.OfClasses(map)}</section>

        """);

    private static Markup Owners(IEnumerable<OwnerTally> owners) => owners.Any()
        ? Page.Table("Volunteers with the most credit", ["Name", "Machines", "Credit"], owners.Select(owner => Page.Row(Markup.Name(owner.Name), Page.Number(owner.Hosts), Page.Text(Words.Credit(owner.Flops)))))
        : Markup.Of($"<p class=\"none\">Nobody has credit yet. The first could be you.</p>\n");

    private static Markup Hosts(IEnumerable<HostTally> hosts, DateTimeOffset now) => hosts.Any()
        ? Page.Table("Machines with the most credit", ["Owner", "System", "Cores", "Speed of a core", "Last seen", "Credit"],
            hosts.Select(host => Page.Row(Markup.Name(host.Owner), Markup.Name(host.System), Page.Number(host.Cpus), Page.Text(Words.Speed(host.Speed)), Words.Ago(host.Seen, now), Page.Text(Words.Credit(host.Flops)))))
        : Markup.Of($"<p class=\"none\">No machine has credit yet.</p>\n");
}
