-- The outbox, and resets of passwords by mail.

-- Puts a mail into the outbox. An address that got ten of a kind in an hour gets no more of what strangers can cause. Kinds are counted
-- apart: some go only to addresses that have an account, and a limit that counted them would tell which those are.
CREATE OR REPLACE FUNCTION croft_mail(p_kind text, p_to text, p_subject uuid, p_args jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM mails WHERE lower(to_address) = lower(p_to) AND kind = p_kind
            AND created_at > now() - interval '1 hour') >= 10
        AND p_kind IN ('invitation', 'password_reset') THEN
        PERFORM croft_raise(429, 'rate_limited', 'Too much mail went to this address: try again in an hour.', '/email');
    END IF;
    INSERT INTO mails (kind, to_address, subject_id, args) VALUES (p_kind, p_to, p_subject, p_args);
END
$$;

-- The same statement with the same work for every address: who is behind it is found out by croft_resets_resolve(), later.
CREATE OR REPLACE FUNCTION croft_reset_request(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO password_resets (email, nonce, token_hash, peer, request_id, expires_at)
    VALUES (p_req->>'email', p_req->>'nonce', p_req->>'token_hash', p_req->>'peer', p_req->>'request_id', now() + interval '1 hour');
    RETURN (202, '{}', NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_resets_resolve() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    r record;
    v_count int := 0;
BEGIN
    FOR r IN SELECT p.id, p.nonce, u.id AS user_id, u.email, p.peer, p.request_id
        FROM password_resets p LEFT JOIN users u ON lower(u.email) = lower(p.email) AND u.state = 'active'
        WHERE p.user_id IS NULL ORDER BY p.id LIMIT 100 FOR NO KEY UPDATE OF p SKIP LOCKED
    LOOP
        -- Three open ones are enough; who floods somebody's mailbox floods a void.
        IF r.user_id IS NULL OR (SELECT count(*) FROM password_resets WHERE user_id = r.user_id) >= 3 THEN
            DELETE FROM password_resets WHERE id = r.id;
        ELSE
            UPDATE password_resets SET user_id = r.user_id WHERE id = r.id;
            INSERT INTO mails (kind, to_address, subject_id, args)
                VALUES ('password_reset', r.email, r.id, jsonb_build_object('nonce', r.nonce));
            PERFORM croft_enter(NULL, NULL, NULL, NULL, NULL, r.peer, r.request_id, NULL);
            PERFORM croft_changed('user.reset_requested', NULL, 'user', r.user_id, NULL, jsonb_build_object('email', r.email));
            v_count := v_count + 1;
        END IF;
    END LOOP;
    RETURN v_count;
END
$$;

-- Whether the link may be used, before a costly hash is made.
CREATE OR REPLACE FUNCTION croft_reset_find(p_token_hash text, OUT found boolean) LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM password_resets r JOIN users u ON u.id = r.user_id AND u.state = 'active'
        WHERE r.token_hash = p_token_hash AND r.expires_at > now())
$$;

CREATE OR REPLACE FUNCTION croft_reset_confirm(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_user uuid;
BEGIN
    DELETE FROM password_resets r USING users u
        WHERE r.token_hash = p_req->>'token_hash' AND r.expires_at > now() AND u.id = r.user_id AND u.state = 'active'
        RETURNING r.user_id INTO v_user;
    IF NOT FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', 'The link is unknown, was used or has expired.', '/token');
    END IF;
    PERFORM croft_enter(NULL, v_user, NULL, NULL, NULL, p_req->>'peer', p_req->>'request_id', NULL);
    PERFORM FROM users WHERE id = v_user FOR NO KEY UPDATE;
    PERFORM croft_password_set(v_user, p_req->>'password_hash', NULL);
    -- Whoever reads the mailbox is the owner: what others tried counts no more.
    DELETE FROM signin_attempts WHERE kind = 'account' AND key IN
        (croft_account_key((SELECT email FROM users WHERE id = v_user)), 'person ' || v_user);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

-- What is to be sent now, at most p_limit, leased for p_lease seconds: a worker that dies in between sends nothing, another does.
CREATE OR REPLACE FUNCTION croft_mail_claim(p_limit int, p_lease int)
RETURNS TABLE (id uuid, kind text, to_address text, args text, attempts int, created_at bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_resets_resolve();
    RETURN QUERY
    UPDATE mails m SET attempts = m.attempts + 1, next_at = now() + make_interval(secs => p_lease)
    WHERE m.id IN (SELECT x.id FROM mails x WHERE x.state = 'queued' AND x.next_at <= now()
        ORDER BY x.next_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING m.id, m.kind, m.to_address, m.args::text, m.attempts, extract(epoch FROM m.created_at)::bigint;
END
$$;

-- How it went. p_retry: seconds until the next attempt, null for never again. A link is forgotten with its mail.
CREATE OR REPLACE FUNCTION croft_mail_result(p_id uuid, p_attempt int, p_error text, p_retry int, OUT recorded boolean) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE mails SET state = CASE WHEN p_error IS NULL THEN 'sent' WHEN p_retry IS NULL THEN 'failed' ELSE 'queued' END,
        error = left(p_error, 400), sent_at = CASE WHEN p_error IS NULL THEN now() END,
        next_at = now() + make_interval(secs => coalesce(p_retry, 0)),
        args = CASE WHEN p_error IS NULL OR p_retry IS NULL THEN args - 'nonce' ELSE args END
    WHERE id = p_id AND attempts = p_attempt AND state = 'queued';
    recorded := FOUND;
END
$$;

CREATE OR REPLACE FUNCTION croft_people_expire() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM signin_attempts WHERE ctid IN (SELECT ctid FROM signin_attempts
        WHERE last_at < now() - interval '2 hours' LIMIT 1000 FOR UPDATE SKIP LOCKED);
    DELETE FROM password_resets WHERE ctid IN (SELECT ctid FROM password_resets
        WHERE expires_at < now() LIMIT 1000 FOR UPDATE SKIP LOCKED);
    DELETE FROM invitations WHERE ctid IN (SELECT ctid FROM invitations
        WHERE expires_at < now() - interval '1 day' LIMIT 1000 FOR UPDATE SKIP LOCKED);
    DELETE FROM mails WHERE ctid IN (SELECT ctid FROM mails
        WHERE created_at < now() - interval '30 days' LIMIT 1000 FOR UPDATE SKIP LOCKED);
END
$$;
