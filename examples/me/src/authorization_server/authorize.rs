//! `/authorize`, and the user's way from there: login, second factor, consent, back to the client.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode, Uri};
use url::Url;

use super::grants::{Authorization, Grant};
use super::parameters::Parameters;
use super::request::{AuthorizationRequest, ErrorResponse, PASSWORD, Refused};
use super::sessions::{Interaction, Login, Session, Step};
use super::{AuthorizationServer, Memory, pages, secrets, users};

pub(super) const COOKIE: &str = "session";

type Server = State<Arc<AuthorizationServer>>;

/// `GET /authorize`: keeps the request in the user's session, and redirects to the next thing that the user has to do.
pub(super) async fn begin(State(server): Server, jar: CookieJar, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let mut request = match AuthorizationRequest::parse(query, &server) {
        Ok(request) => request,
        Err(Refused::OnPage(reason)) => return pages::refusal(StatusCode::BAD_REQUEST, reason),
        Err(Refused::ByRedirect(error)) => return server.refuse(&error),
    };
    // Without proofs it is a parameter that this server does not know (RFC 6749 §3.1).
    request.dpop_jkt = request.dpop_jkt.filter(|_| server.proofs.is_some());
    let now = SystemTime::now();
    let mut memory = server.memory();
    let (name, session) = memory.sessions.open(jar.get(COOKIE).map(Cookie::value));
    let (id, one_time_code) = (secrets::random(), secrets::one_time_code());
    let interaction = Interaction { request, began: now, has_consent: false, one_time_code };
    if interaction.request.prompt.none {
        let error = match session.next_step(&interaction, now) {
            Step::Done => None,
            Step::Consent => Some("consent_required"),
            Step::Login | Step::SecondFactor => Some("login_required"),
        };
        if let Some(error) = error {
            return server.refuse(&interaction.error(error, "the user has to sign in or consent"));
        }
    }
    session.interactions.insert(id.clone(), interaction);
    (jar.add(cookie(name)), see_other(&format!("/interaction/{id}"), None)).into_response()
}

/// `GET /interaction/{id}`: what the user has to do next, or the way back to the client.
pub(super) async fn show(State(server): Server, Path(id): Path<String>, jar: CookieJar) -> Response {
    let mut memory = server.memory();
    let Memory { sessions, grants } = &mut *memory;
    let name = jar.get(COOKIE).map(Cookie::value).unwrap_or_default();
    let Some(session) = sessions.get(name) else { return over() };
    let Some(interaction) = session.interactions.get(&id) else { return over() };
    let now = SystemTime::now();
    match session.next_step(interaction, now) {
        Step::Login => pages::login(&id, session, interaction, None),
        Step::SecondFactor => pages::second_factor(&id, session, interaction, None),
        Step::Consent => pages::consent(&id, session, interaction),
        Step::Done => {
            let Some((authorization, state)) = session.finish(&id) else { return over() };
            let redirect_uri = authorization.redirect_uri.clone();
            let code = grants.issue_code(authorization, now);
            server.answer(&redirect_uri, &[("code", Some(&code)), ("state", state.as_deref())])
        }
    }
}

/// `POST /interaction/{id}/{step}`: what the user has filled in.
pub(super) async fn submit(
    State(server): Server,
    Path((id, step)): Path<(String, String)>,
    jar: CookieJar,
    body: Bytes,
) -> Response {
    let Ok(form) = Parameters::parse(&body) else {
        return pages::refusal(StatusCode::BAD_REQUEST, "The form is malformed.");
    };
    let mut memory = server.memory();
    let name = jar.get(COOKIE).map(Cookie::value).unwrap_or_default();
    let Some(session) = memory.sessions.get(name) else { return over() };
    if !secrets::are_equal(&session.csrf, form.text("csrf")) {
        return pages::refusal(StatusCode::FORBIDDEN, "This form was not sent from a page of this server.");
    }
    let now = SystemTime::now();
    let Some(interaction) = session.interactions.get(&id).cloned() else { return over() };
    let next = session.next_step(&interaction, now);
    match (step.as_str(), next) {
        ("login", _) => {
            let Some(subject) = users::authenticate(form.text("username"), form.text("password")) else {
                return pages::login(&id, session, &interaction, Some("The user name or the password is wrong."));
            };
            session.login = Some(Login { subject, acr: PASSWORD.to_owned(), time: now });
            let Some(name) = memory.sessions.rename(name) else { return over() };
            return (jar.add(cookie(name)), go_on(&id, &interaction)).into_response();
        }
        // A code is good for one attempt.
        ("second-factor", Step::SecondFactor) => {
            let Some(kept) = session.interactions.get_mut(&id) else { return over() };
            kept.one_time_code = secrets::one_time_code();
            let is_right = secrets::are_equal(&interaction.one_time_code, form.text("otp"));
            let (Some(login), Some(acr), true) = (&mut session.login, &interaction.request.acr, is_right) else {
                let renewed = session.interactions.get(&id).unwrap_or(&interaction);
                return pages::second_factor(&id, session, renewed, Some("That was not the code. Here is a new one."));
            };
            (login.acr, login.time) = (acr.clone(), now);
        }
        ("consent", Step::Consent) if form.text("decision") == "allow" => session.consent(&id),
        ("consent", Step::Consent) => {
            session.interactions.remove(&id);
            return server.refuse(&interaction.error("access_denied", "the user has denied access"));
        }
        // A step that is not due: the page knows which one is.
        _ => {}
    }
    go_on(&id, &interaction)
}

impl Session {
    fn consent(&mut self, id: &str) {
        if let Some(interaction) = self.interactions.get_mut(id) {
            interaction.has_consent = true;
            self.consents.insert(interaction.request.client.id.clone(), interaction.request.scope.clone());
        }
    }

    /// What a code will stand for, and the client's `state`. This ends the request.
    fn finish(&mut self, id: &str) -> Option<(Authorization, Option<String>)> {
        let login = self.login.clone()?;
        let AuthorizationRequest { client, redirect_uri, state, scope, challenge, nonce, dpop_jkt, .. } =
            self.interactions.remove(id)?.request;
        let (client_id, subject) = (client.id, login.subject.to_owned());
        let grant = Grant { client_id, subject, scope, acr: login.acr, auth_time: login.time, nonce };
        Some((Authorization { grant, redirect_uri, challenge, dpop_jkt }, state))
    }
}

impl Interaction {
    fn error(&self, error: &'static str, description: &'static str) -> ErrorResponse {
        let AuthorizationRequest { redirect_uri, state, .. } = self.request.clone();
        ErrorResponse { redirect_uri, state, error, description }
    }
}

impl AuthorizationServer {
    fn refuse(&self, error: &ErrorResponse) -> Response {
        let ErrorResponse { redirect_uri, state, error, description } = error;
        let parameters =
            [("error", Some(*error)), ("error_description", Some(*description)), ("state", state.as_deref())];
        self.answer(redirect_uri, &parameters)
    }

    /// The redirect to the client, which also says who sends it (RFC 9207).
    fn answer(&self, redirect_uri: &str, parameters: &[(&str, Option<&str>)]) -> Response {
        let Ok(mut location) = Url::parse(redirect_uri) else { return over() };
        let given = parameters.iter().filter_map(|(name, value)| Some((name, (*value)?)));
        location.query_pairs_mut().extend_pairs(given).append_pair("iss", self.issuer.url());
        see_other(location.as_str(), None)
    }
}

fn go_on(id: &str, interaction: &Interaction) -> Response {
    see_other(&format!("/interaction/{id}"), Some(&interaction.request.redirect_uri))
}

/// 303, never 307: the browser must not send the form on (RFC 9700 §4.12).
pub(super) fn see_other(location: &str, redirect_uri: Option<&str>) -> Response {
    let mut headers = pages::headers(redirect_uri);
    headers.extend(HeaderValue::try_from(location).ok().map(|location| (LOCATION, location)));
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn over() -> Response {
    pages::refusal(StatusCode::NOT_FOUND, "This sign-in is over, or it began in another browser.")
}

/// Without `Secure`, because this server speaks plain http on loopback.
fn cookie(session: String) -> Cookie<'static> {
    Cookie::build((COOKIE, session)).path("/").http_only(true).same_site(SameSite::Lax).build()
}
