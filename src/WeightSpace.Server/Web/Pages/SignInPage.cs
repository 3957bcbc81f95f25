namespace WeightSpace.Server.Web.Pages;

/// <summary>Signing in, and making an account.</summary>
internal static class SignInPage
{
    public const int LeastPassword = 8;

    /// <param name="wrong">What was wrong with what was sent; empty: nothing was.</param>
    public static Markup Write(string root, string wrong = "", string email = "") => Markup.Of($"""
        <h1>Sign in</h1>
        {Said(wrong)}<div class="two">
        <section aria-labelledby="known">
        <h2 id="known">With an account</h2>
        <form method="post" action="{root}sign-in">
        <label>E-mail address <input name="email" type="email" autocomplete="username" maxlength="254" required value="{email}"></label>
        <label>Password <input name="password" type="password" autocomplete="current-password" maxlength="200" required></label>
        <button type="submit">Sign in</button>
        </form>
        <p class="note">The address and password that you gave the BOINC manager.</p>
        </section>
        <section aria-labelledby="new">
        <h2 id="new">Make an account</h2>
        <form method="post" action="{root}accounts">
        <label>Name <small>shown to everybody in the lists</small> <input name="name" type="text" autocomplete="nickname" maxlength="100" required></label>
        <label>E-mail address <small>shown to nobody</small> <input name="email" type="email" autocomplete="username" maxlength="254" required></label>
        <label>Password <small>at least {LeastPassword} characters</small> <input name="password" type="password" autocomplete="new-password" minlength="{LeastPassword}" maxlength="200" required></label>
        <button type="submit">Make the account</button>
        </form>
        </section>
        </div>

        """);

    public static Markup Said(string wrong) => Markup.When(wrong.Length > 0, () => Markup.Of($"<p class=\"said wrong\" role=\"alert\">{wrong}</p>\n"));
}
