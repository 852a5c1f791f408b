SELECT is_open AS found, known FROM croft_invitation_find($1::text)
