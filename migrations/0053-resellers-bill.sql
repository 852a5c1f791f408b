-- Resellers bill those below them themselves: they see how far a month is, what was paid to them, and their own codes.

CREATE POLICY seller_read ON month_ends FOR SELECT TO croft_tenant
    USING (EXISTS (SELECT FROM billing_accounts a WHERE a.tenant_id = month_ends.tenant_id AND a.seller_id = croft_tenant_id()));
CREATE POLICY seller_read ON payments FOR SELECT TO croft_tenant USING (seller_id = croft_tenant_id());
CREATE POLICY seller_read ON promotions FOR SELECT TO croft_tenant USING (seller_id = croft_tenant_id());
GRANT SELECT ON month_ends, promotions TO croft_tenant;
