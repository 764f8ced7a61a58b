use serde_json::Value;

/// What the API says about its reloads, and whether a reload has dropped what is remembered.
#[derive(Default)]
pub(crate) struct Reloads {
    cache_uses: u64,
    drops: u64,
}

impl Reloads {
    /// To be told how the API is, now and then. Its counts only grow.
    pub(crate) fn look(&mut self, status: &Value) {
        let count = |name: &str| status[name].as_u64().unwrap_or_default();
        let uses = count("cache_hits") + count("cache_misses");
        self.drops += u64::from(uses < self.cache_uses);
        self.cache_uses = uses;
    }

    /// What is not as it must be, given how the API was in the end.
    pub(crate) fn broken(&self, status: &Value) -> Vec<String> {
        let count = |name: &str| status[name].as_u64().unwrap_or_default();
        let [reloads, changes, refusals] = ["reloads", "changed_by_reloads", "refused_reloads"].map(count);
        let mut broken = Vec::new();
        let mut must = |is_so: bool, otherwise: String| broken.extend((!is_so).then_some(otherwise));
        must(reloads > 0, "the API never read its settings again".to_owned());
        must(refusals == 0, format!("{refusals} settings were refused"));
        must(changes == 0, format!("{changes} issuers were changed by settings that say the same"));
        must(self.drops == 0, format!("what is remembered was dropped {} times", self.drops));
        broken
    }
}
