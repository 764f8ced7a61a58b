use std::collections::HashMap;

use super::scope::{OFFLINE_ACCESS, Scope};
use super::scope_hierarchy::ScopeHierarchy;

/// A [`ScopeHierarchy`] as a graph without cycles, for expansion and for challenges.
///
/// The transitive closure is not stored: of a chain of 1,000 scopes it has half a million pairs. A walk over the graph visits each
/// scope once, so the work for one token is at most its length plus the size of the hierarchy.
#[derive(Debug)]
pub(crate) struct ImpliedScopes {
    numbers: HashMap<Box<str>, usize>,
    /// By number.
    scopes: Vec<Implications>,
}

#[derive(Debug)]
struct Implications {
    name: Box<str>,
    /// The numbers of the scopes that it implies directly.
    narrower: Vec<usize>,
}

impl ImpliedScopes {
    /// `None` if the hierarchy is empty.
    ///
    /// # Errors
    ///
    /// The scopes of a cycle, from one on until the same one again.
    pub(crate) fn new(hierarchy: &ScopeHierarchy) -> Result<Option<Self>, Vec<String>> {
        let mut graph = Self { numbers: HashMap::new(), scopes: Vec::new() };
        for (broader, narrower) in hierarchy.pairs() {
            let (broader, narrower) = (graph.number(broader), graph.number(narrower));
            graph.scopes[broader].narrower.push(narrower);
        }
        match graph.cycle() {
            None => Ok(Some(graph).filter(|graph| !graph.scopes.is_empty())),
            Some(cycle) => Err(cycle),
        }
    }

    /// The scope with all that it implies after it.
    pub(crate) fn expand(&self, scope: Scope) -> Scope {
        let granted = self.numbers_in(&scope);
        let all = self.walk(&granted);
        if all.len() == granted.len() {
            return scope;
        }
        scope.followed_by(all[granted.len()..].iter().map(|number| &*self.scopes[*number].name))
    }

    /// The numbers of the scope tokens that the hierarchy names, each once.
    fn numbers_in(&self, scope: &Scope) -> Vec<usize> {
        let mut is_known = vec![false; self.scopes.len()];
        let numbers = scope.iter().filter_map(|token| self.numbers.get(token).copied());
        numbers.filter(|number| !std::mem::replace(&mut is_known[*number], true)).collect()
    }

    /// `start`, and then every other scope that one of them implies.
    fn walk(&self, start: &[usize]) -> Vec<usize> {
        let mut is_known = vec![false; self.scopes.len()];
        for number in start {
            is_known[*number] = true;
        }
        let mut reached = start.to_vec();
        let mut at = 0;
        while let Some(number) = reached.get(at) {
            for narrower in &self.scopes[*number].narrower {
                #[cfg(test)]
                tests::STEPS.set(tests::STEPS.get() + 1);
                if !std::mem::replace(&mut is_known[*narrower], true) {
                    reached.push(*narrower);
                }
            }
            at += 1;
        }
        reached
    }

    /// Whether each scope is implied by one of `start`, by number.
    fn implied_by(&self, start: &[usize]) -> Vec<bool> {
        let mut is_implied = vec![false; self.scopes.len()];
        for number in self.walk(start) {
            for narrower in &self.scopes[number].narrower {
                is_implied[*narrower] = true;
            }
        }
        is_implied
    }

    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.scopes.len();
        self.numbers.insert(name.into(), number);
        self.scopes.push(Implications { name: name.into(), narrower: Vec::new() });
        number
    }

    /// The scopes of a cycle, if there is one: those that stay after all that imply nothing are removed, again and again.
    fn cycle(&self) -> Option<Vec<String>> {
        let mut open: Vec<usize> = self.scopes.iter().map(|scope| scope.narrower.len()).collect();
        let mut broader = vec![Vec::new(); self.scopes.len()];
        for (number, scope) in self.scopes.iter().enumerate() {
            for narrower in &scope.narrower {
                broader[*narrower].push(number);
            }
        }
        let mut removed: Vec<usize> = (0..open.len()).filter(|number| open[*number] == 0).collect();
        while let Some(number) = removed.pop() {
            for broader in &broader[number] {
                open[*broader] -= 1;
                if open[*broader] == 0 {
                    removed.push(*broader);
                }
            }
        }
        // Each scope that stays implies another one that stays, so a way along them comes back to where it has been.
        let mut way = vec![open.iter().position(|left| *left > 0)?];
        let start = loop {
            let last = way.last()?;
            let next = *self.scopes[*last].narrower.iter().find(|narrower| open[**narrower] > 0)?;
            let start = way.iter().position(|earlier| *earlier == next);
            way.push(next);
            if let Some(start) = start {
                break start;
            }
        };
        Some(way[start..].iter().map(|number| self.scopes[*number].name.clone().into()).collect())
    }
}

/// What a challenge names of a scope that is needed: no scope token that another one of them implies, and not `offline_access`, which
/// a resource server must not tell clients to ask for (MCP 2026-07-28, "Refresh Tokens"). `None` if nothing is left.
pub(crate) fn scope_to_offer(scope: Scope, implied: Option<&ImpliedScopes>) -> Option<Scope> {
    let Some(implied) = implied else { return scope.filtered(|token| token != OFFLINE_ACCESS) };
    let is_implied = implied.implied_by(&implied.numbers_in(&scope));
    let is_by_another = |token: &str| implied.numbers.get(token).is_some_and(|number| is_implied[*number]);
    scope.filtered(|token| token != OFFLINE_ACCESS && !is_by_another(token))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    thread_local! {
        /// How many implications were followed on this thread.
        pub(super) static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    fn scope(text: &str) -> Scope {
        text.parse().unwrap()
    }

    fn implied(pairs: &[(&str, &str)]) -> ImpliedScopes {
        let hierarchy =
            pairs.iter().fold(ScopeHierarchy::new(), |all, (broader, narrower)| all.implies(broader, narrower));
        ImpliedScopes::new(&hierarchy).unwrap().unwrap()
    }

    #[test]
    fn what_is_implied_comes_after_what_was_granted() {
        let implied = implied(&[("admin", "files users:read"), ("files", "files:read files:write"), ("files", "x")]);
        for (granted, expected) in [
            ("files", "files files:read files:write x"),
            ("other files:write files", "other files:write files files:read x"),
            ("admin", "admin files users:read files:read files:write x"),
            ("files:read", "files:read"),
            ("Files files:", "Files files:"),
            // As it was written, if nothing is to be added.
            ("a a b", "a a b"),
            ("files files", "files files files:read files:write x"),
        ] {
            assert_eq!(implied.expand(scope(granted)).as_str(), expected, "{granted}");
        }
        assert_eq!(implied.expand(Scope::none()).as_str(), "");
    }

    #[test]
    fn a_challenge_names_the_broadest_of_what_is_needed() {
        let implied = implied(&[("admin", "files users:read"), ("files", "files:read files:write")]);
        for (needed, offered) in [
            ("files:read", Some("files:read")),
            ("files:read files", Some("files")),
            ("files:write other files files:read", Some("other files")),
            ("files:read admin", Some("admin")),
            ("files:read files:write", Some("files:read files:write")),
            ("offline_access", None),
            ("files:read offline_access files", Some("files")),
        ] {
            let found = scope_to_offer(scope(needed), Some(&implied));
            assert_eq!(found.as_ref().map(Scope::as_str), offered, "{needed}");
        }
        for (needed, offered) in [
            ("files:read files", Some("files:read files")),
            ("a a", Some("a a")),
            ("offline_access", None),
            ("a offline_access", Some("a")),
            ("offline_access:read Offline_access", Some("offline_access:read Offline_access")),
        ] {
            let found = scope_to_offer(scope(needed), None);
            assert_eq!(found.as_ref().map(Scope::as_str), offered, "{needed}");
        }
        assert_eq!(scope_to_offer(Scope::none(), None), None);
    }

    #[test]
    fn a_cycle_is_named() {
        let cycle = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let hierarchy =
                pairs.fold(ScopeHierarchy::new(), |all, (broader, narrower)| all.implies(broader, narrower));
            ImpliedScopes::new(&hierarchy).map(drop)
        };
        let found = |scopes: &[&str]| Err(scopes.iter().map(|scope| (*scope).to_owned()).collect());
        assert_eq!(cycle(&[("a", "a")]), found(&["a", "a"]));
        assert_eq!(cycle(&[("a", "b"), ("b", "a")]), found(&["a", "b", "a"]));
        // Neither what leads to it nor what it leads to is part of it.
        assert_eq!(cycle(&[("x", "a"), ("a", "y b"), ("b", "c z"), ("c", "a")]), found(&["a", "b", "c", "a"]));
        // Two ways to one scope are no cycle.
        assert_eq!(cycle(&[("a", "b c"), ("b", "d"), ("c", "d"), ("a", "d"), ("a", "d")]), Ok(()));
        assert_eq!(cycle(&[]), Ok(()));
    }

    /// A token of 16 KiB whose scopes are all in a hierarchy of 1,000: each implication is followed once.
    #[test]
    fn the_work_is_bounded_by_the_sizes_of_scope_and_hierarchy() {
        let name = |at: usize| format!("scope:{at:04}");
        let chain = (0..1000).fold(ScopeHierarchy::new(), |all, at| all.implies(&name(at), &name(at + 1)));
        let implied = ImpliedScopes::new(&chain).unwrap().unwrap();
        let all: Vec<String> = (0..=1000).map(name).collect();
        let granted = scope(&all.iter().rev().cycle().take(1489).cloned().collect::<Vec<_>>().join(" "));
        assert!((16_300..16_400).contains(&granted.as_str().len()));
        for (scope, left) in [(granted, "scope:0000".to_owned()), (scope(&name(0)), name(0))] {
            STEPS.set(0);
            assert_eq!(implied.expand(scope.clone()).iter().collect::<BTreeSet<_>>().len(), 1001);
            assert_eq!(STEPS.get(), 1000);
            let offered = scope_to_offer(scope, Some(&implied)).unwrap();
            assert!(offered.iter().all(|token| token == left));
            assert_eq!(STEPS.get(), 2000);
        }
    }

    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

    /// Pairs of a hierarchy: each scope implies some of those after it, in any order of the calls.
    fn pairs() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
        let all = (0..NAMES.len()).flat_map(|at| (at + 1..NAMES.len()).map(move |after| (NAMES[at], NAMES[after])));
        prop::sample::subsequence(all.collect::<Vec<_>>(), 1..=12).prop_shuffle()
    }

    /// With one scope that no hierarchy names.
    fn scopes() -> impl Strategy<Value = Scope> {
        let all = NAMES.into_iter().chain(["other"]).collect::<Vec<_>>();
        prop::sample::subsequence(all, 1..=9).prop_shuffle().prop_map(|tokens| scope(&tokens.join(" ")))
    }

    /// The closure by its definition: pairs are applied until nothing changes.
    fn closure<'s>(scope: &'s Scope, pairs: &[(&'s str, &'s str)]) -> BTreeSet<&'s str> {
        let mut all: BTreeSet<&str> = scope.iter().collect();
        loop {
            let before = all.len();
            all.extend(
                pairs
                    .iter()
                    .filter(|(broader, _)| all.contains(broader))
                    .map(|(_, narrower)| *narrower)
                    .collect::<Vec<_>>(),
            );
            if all.len() == before {
                return all;
            }
        }
    }

    proptest! {
        #[test]
        fn expansion_is_a_closure_operator(pairs in pairs(), one in scopes(), other in scopes()) {
            let implied = implied(&pairs);
            let expanded = implied.expand(one.clone());
            prop_assert_eq!(expanded.iter().collect::<BTreeSet<_>>(), closure(&one, &pairs));
            prop_assert_eq!(expanded.iter().count(), closure(&one, &pairs).len(), "nothing twice");
            prop_assert!(expanded.includes(&one), "extensive");
            let again = implied.expand(expanded.clone());
            prop_assert_eq!(again.as_str(), expanded.as_str(), "idempotent");
            let more = implied.expand(one.clone().and(&other));
            prop_assert!(more.includes(&expanded), "monotone");
            // Scopes imply nothing together that none of them implies alone.
            prop_assert_eq!(more, expanded.and(&implied.expand(other)));
        }

        #[test]
        fn a_challenge_is_worth_what_is_needed_and_names_no_more(pairs in pairs(), needed in scopes()) {
            let implied = implied(&pairs);
            let offered = scope_to_offer(needed.clone(), Some(&implied)).unwrap();
            prop_assert!(needed.includes(&offered));
            prop_assert_eq!(closure(&offered, &pairs), closure(&needed, &pairs));
            for left_out in offered.iter() {
                let less = offered.clone().filtered(|token| token != left_out);
                let less = less.map(|less| closure(&less, &pairs).len()).unwrap_or_default();
                prop_assert!(less < closure(&needed, &pairs).len(), "{} is needed", left_out);
            }
        }
    }
}
