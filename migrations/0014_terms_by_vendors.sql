-- A vendor says for itself how old a click may be, which one wins and how long commission is held.
grant insert on vendor_terms to linkledger_vendor;
