-- An execution has one end. A leader that lost the lead may still write what came of it while the next one, which cannot know,
-- writes that nobody did.
create unique index autoheal_audit_finished on autoheal_audit (decision_id) where phase = 'finished';
