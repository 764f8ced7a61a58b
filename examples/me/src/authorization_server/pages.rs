//! The pages that the user sees.

use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};
use url::Url;

use super::sessions::{Interaction, Session};
use super::sign_out::WayBack;
use super::users::{ALICE, BOB};

/// Something that went wrong at the last attempt.
pub(super) type Banner = Option<&'static str>;

pub(super) fn login(id: &str, session: &Session, interaction: &Interaction, banner: Banner) -> Response {
    let form = html! {
        h1 { "Sign in" }
        p.muted { "to continue to " strong { (interaction.request.client.name) } }
        (alert(banner))
        form method="post" action=(format!("/interaction/{id}/login")) {
            (csrf(session))
            label.field { "User name" input #username name="username" autocomplete="username" required autofocus; }
            label.field { "Password" input #password type="password" name="password" autocomplete="current-password" required; }
            button #login .button.primary type="submit" { "Sign in" }
        }
        p.muted {
            "The users are " code { (ALICE.name) } ", with the password " code { (ALICE.password) } ", and "
            code { (BOB.name) } ", with the password " code { (BOB.password) } "."
        }
    };
    let status = if banner.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(status, "Sign in", &form, Some(&interaction.request.redirect_uri))
}

pub(super) fn second_factor(id: &str, session: &Session, interaction: &Interaction, banner: Banner) -> Response {
    let form = html! {
        h1 { "One more step" }
        p.muted { strong { (interaction.request.client.name) } " asks for a stronger proof that it is you." }
        (alert(banner))
        form method="post" action=(format!("/interaction/{id}/second-factor")) {
            (csrf(session))
            label.field {
                "One-time code"
                input #otp name="otp" inputmode="numeric" autocomplete="one-time-code" required autofocus;
            }
            button #otp-submit .button.primary type="submit" { "Confirm" }
        }
        p.muted { "Your phone would show " code #otp-hint { (interaction.one_time_code) } "." }
    };
    let status = if banner.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(status, "One more step", &form, Some(&interaction.request.redirect_uri))
}

pub(super) fn consent(id: &str, session: &Session, interaction: &Interaction) -> Response {
    let request = &interaction.request;
    let form = html! {
        h1 { "Allow access?" }
        p { strong { (request.client.name) } " would like to:" }
        @if request.client.is_self_registered {
            p.muted {
                "It has registered itself, under a name that it chose. You return to it at "
                code #client-origin { (origin(&request.redirect_uri).unwrap_or_default()) } "."
            }
        }
        ul { @for scope in request.scope.iter() { li { (meaning(scope)) " " code.muted { (scope) } } } }
        form method="post" action=(format!("/interaction/{id}/consent")) {
            (csrf(session))
            button #consent-allow .button.primary type="submit" name="decision" value="allow" { "Allow" }
            button #consent-deny .button type="submit" name="decision" value="deny" { "Deny" }
        }
    };
    page(StatusCode::OK, "Allow access?", &form, Some(&request.redirect_uri))
}

pub(super) fn sign_out_everywhere(session: &Session, way_back: Option<&WayBack>) -> Response {
    let form = html! {
        h1 { "Sign out everywhere?" }
        p { "This ends, on all of your devices:" }
        ul {
            li { "your sessions here" }
            li { "what you have allowed apps to do while you are away" }
            li { "the access that apps have to the API at this moment" }
        }
        form method="post" action="/sign-out-everywhere" {
            (csrf(session))
            @if let Some(WayBack { client_id, redirect_uri }) = way_back {
                input type="hidden" name="client_id" value=(client_id);
                input type="hidden" name="redirect_uri" value=(redirect_uri);
            }
            button #sign-out-confirm .button.primary type="submit" name="decision" value="sign-out" { "Sign out everywhere" }
            button #sign-out-cancel .button type="submit" name="decision" value="cancel" { "Stay signed in" }
        }
    };
    page(StatusCode::OK, "Sign out everywhere?", &form, way_back.map(|way_back| way_back.redirect_uri.as_str()))
}

/// For a user whom no client has sent, as the next.
pub(super) fn signed_out_everywhere() -> Response {
    let body = html! { h1 #signed-out-everywhere { "You are signed out everywhere" } };
    page(StatusCode::OK, "You are signed out everywhere", &body, None)
}

pub(super) fn still_signed_in() -> Response {
    let body = html! { h1 { "You are still signed in" } };
    page(StatusCode::OK, "You are still signed in", &body, None)
}

/// For what must not go back to the client.
pub(super) fn refusal(status: StatusCode, reason: &str) -> Response {
    let body = html! { h1 { "This does not work" } p.banner.bad role="alert" { (reason) } };
    page(status, "This does not work", &body, None)
}

fn meaning(scope: &str) -> &'static str {
    match scope {
        "openid" => "know who you are",
        "offline_access" => "keep its access while you are away",
        _ => "use the API for you",
    }
}

fn origin(uri: &str) -> Option<String> {
    Some(Url::parse(uri).ok()?.origin().ascii_serialization())
}

fn alert(banner: Banner) -> Markup {
    html! { @if let Some(text) = banner { p.banner.bad role="alert" { (text) } } }
}

fn csrf(session: &Session) -> Markup {
    html! { input type="hidden" name="csrf" value=(session.csrf); }
}

fn page(status: StatusCode, title: &str, content: &Markup, redirect_uri: Option<&str>) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Example authorization server" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="/icon.svg";
            }
            body {
                main.card {
                    (content)
                    footer.muted {
                        strong { "For development only." }
                        " This authorization server shows its passwords and its one-time codes, forgets everything when it "
                        "ends, and must never be used in production."
                    }
                }
            }
        }
    };
    (status, headers(redirect_uri), Html(page.into_string())).into_response()
}

/// No other page may frame, read or remember these, and they run no scripts.
pub(super) fn headers(redirect_uri: Option<&str>) -> HeaderMap {
    // Browsers also apply `form-action` to the redirect that answers a form, so the client to which it leads must be listed.
    let client = redirect_uri.and_then(origin);
    let client = client.map_or_else(String::new, |origin| format!(" {origin}"));
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{client}; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::try_from(policy).ok().map(|policy| (CONTENT_SECURITY_POLICY, policy)));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
}
