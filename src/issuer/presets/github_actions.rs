use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::{is_number, refuse};
use crate::token::ClientClaim;
use crate::validation::Mark;

const IDENTIFIER: &str = "https://token.actions.githubusercontent.com";
/// A number, as a text, in every token.
const REPOSITORY: &str = "repository_id";

impl Issuer {
    /// GitHub Actions at github.com, for the jobs of these repositories: for the OpenID Connect tokens that a job with the
    /// permission `id-token: write` requests for an audience of its choice. The issuer is
    /// `https://token.actions.githubusercontent.com`.
    ///
    /// *Every workflow of every repository on GitHub can get a token for your audience*, so `repositories` lists those that may
    /// call. Each is given by its numeric ID, which `gh api repos/{owner}/{name} --jq .id` shows. After a rename or a deletion, the
    /// name of a repository or of its owner may belong to somebody else. The ID never does.
    ///
    /// - **Keys**: found through GitHub's metadata.
    /// - **Also required**: `repository_id` is one of `repositories`. The list is checked after the signature. The token that the
    ///   runner uses for GitHub's own services is refused, because it has another issuer and another audience.
    /// - **Set up**: the job requests a token for this server's audience: `core.getIDToken(audience)` in an action, or
    ///   `&audience=` at the URL in `ACTIONS_ID_TOKEN_REQUEST_URL`.
    /// - **Roles**: none, and no scopes. *Anyone who can push a branch to the repository can change its workflows*, so require more
    ///   than the repository: `/environment` with protection rules at GitHub, or `/ref` with `/event_name`. `/ref` alone is not
    ///   enough: an event such as `pull_request_target` runs for the default branch, and a stranger's fork can cause it.
    ///   `/job_workflow_ref` names a reusable workflow, with its commit or branch, and the repository that it names is that workflow's;
    ///   `/repository_id` is still that of the calling repository.
    /// - **Subject**: depends on the event, and owners can change its form. So use `/repository_id` as the key of your data.
    ///   There is no client.
    ///
    /// By default, a job for a pull request from a fork gets no token, unless its event runs for the base repository.
    ///
    /// For GitHub Enterprise Server, or an enterprise with its own issuer, use
    /// [`github_actions_enterprise`](Self::github_actions_enterprise). GitHub documents the claims at
    /// <https://docs.github.com/en/actions/reference/security/oidc>.
    ///
    /// ```
    /// use tower_bearer::{Issuer, Require, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://deploy.example.com")
    ///     .trust(Issuer::github_actions(["123456789"])?)
    ///     .build()?;
    /// let production = Require::token().and_claim_equals("/environment", "production");
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no repository, or one is not a number (such as `owner/name`).
    pub fn github_actions(repositories: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ConfigError> {
        Self::github_actions_enterprise(IDENTIFIER, repositories)
    }

    /// GitHub Actions with an issuer other than github.com's, for the jobs of these repositories: like
    /// [`github_actions`](Self::github_actions), with the `iss` of the tokens.
    ///
    /// | where | `iss` |
    /// |---|---|
    /// | GitHub Enterprise Server | `https://{host}/_services/token` |
    /// | an enterprise whose issuer contains its name | `https://token.actions.githubusercontent.com/{enterprise}` |
    /// | an enterprise with data residency | `https://token.actions.{subdomain}.ghe.com` |
    ///
    /// A repository ID is unique within one issuer. The list is required here too, because an enterprise has many repositories, and
    /// only some may call this server.
    ///
    /// ```
    /// use tower_bearer::Issuer;
    ///
    /// let server = Issuer::github_actions_enterprise("https://github.example.com/_services/token", ["42"])?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`github_actions`](Self::github_actions) and of [`discover`](Self::discover).
    pub fn github_actions_enterprise(
        issuer: &str,
        repositories: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, ConfigError> {
        let repositories: Vec<String> = repositories.into_iter().map(Into::into).collect();
        if repositories.is_empty() {
            return Err(refuse("list of repositories at GitHub", "", "a list of at least one"));
        }
        if let Some(odd) = repositories.iter().find(|repository| !is_number(repository)) {
            let expected = "the numeric ID of a repository, as gh api repos/{owner}/{name} --jq .id shows it";
            return Err(refuse("repository at GitHub", odd, expected));
        }
        let issuer = Self::openid(issuer)?.called_by(REPOSITORY, repositories);
        Ok(issuer.speaking(Mark::Claim(REPOSITORY), ClientClaim::Standard))
    }
}
