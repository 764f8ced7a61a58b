//! The users' browser sessions: who is signed in, what was consented to, and which authorization requests are in progress.

use std::collections::HashMap;
use std::time::SystemTime;

use tower_bearer::Scope;

use super::request::{AuthorizationRequest, PASSWORD};
use super::secrets;

#[derive(Default)]
pub(crate) struct Sessions(HashMap<String, Session>);

pub(crate) struct Session {
    /// Stands in every form. A page of another site that makes a browser send a form does not know it.
    pub(crate) csrf: String,
    pub(crate) login: Option<Login>,
    pub(crate) consents: HashMap<String, Scope>,
    pub(crate) interactions: HashMap<String, Interaction>,
}

/// How and when the user was authenticated last.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) subject: &'static str,
    pub(crate) acr: String,
    pub(crate) time: SystemTime,
}

/// An authorization request for which the user still has something to do.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) request: AuthorizationRequest,
    pub(crate) began: SystemTime,
    pub(crate) has_consent: bool,
    pub(crate) one_time_code: String,
}

/// What the user has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Login,
    SecondFactor,
    Consent,
    Done,
}

impl Sessions {
    /// The session of this name, or a new one with a name of its own.
    pub(crate) fn open(&mut self, name: Option<&str>) -> (String, &mut Session) {
        let known = name.filter(|name| self.0.contains_key(*name));
        let name = known.map_or_else(secrets::random, ToOwned::to_owned);
        let session = self.0.entry(name.clone()).or_insert_with(|| Session {
            csrf: secrets::random(),
            login: None,
            consents: HashMap::new(),
            interactions: HashMap::new(),
        });
        (name, session)
    }

    pub(crate) fn get(&mut self, name: &str) -> Option<&mut Session> {
        self.0.get_mut(name)
    }

    /// Ends all sessions in which this user is signed in, with what is under way in them.
    pub(crate) fn end_all_of(&mut self, subject: &str) {
        self.0.retain(|_, session| session.login.as_ref().is_none_or(|login| login.subject != subject));
    }

    /// Gives a session another name, so that an attacker who put the old one into the browser cannot use it after the sign-in.
    pub(crate) fn rename(&mut self, name: &str) -> Option<String> {
        let session = self.0.remove(name)?;
        let new = secrets::random();
        self.0.insert(new.clone(), session);
        Some(new)
    }
}

impl Session {
    pub(crate) fn next_step(&self, interaction: &Interaction, now: SystemTime) -> Step {
        let request = &interaction.request;
        let Some(login) = &self.login else { return Step::Login };
        if !is_recent_enough(login, interaction, now) {
            return Step::Login;
        }
        // A password is part of every authentication, so it is only a second factor that may be missing.
        if request.acr.as_ref().is_some_and(|acr| acr != PASSWORD && *acr != login.acr) {
            return Step::SecondFactor;
        }
        let consents = self.consents.get(&request.client.id);
        let remembered = !request.prompt.consent && consents.is_some_and(|scope| scope.includes(&request.scope));
        if interaction.has_consent || remembered { Step::Done } else { Step::Consent }
    }
}

/// `max_age` and `prompt=login` want the user to be authenticated again (OpenID Connect Core §3.1.2.1), but not twice.
fn is_recent_enough(login: &Login, interaction: &Interaction, now: SystemTime) -> bool {
    let request = &interaction.request;
    let young = request.max_age.is_none_or(|age| now.duration_since(login.time).is_ok_and(|since| since <= age));
    login.time >= interaction.began || (young && !request.prompt.login)
}
