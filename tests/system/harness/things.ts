// A thing of each kind that a path names by {id}, made for a customer, so that tests of every route have one's own and a
// foreign one. By the path before the id; a new noun needs an entry here.
import { randomBytes, randomUUID } from "node:crypto";
import { Api } from "./client.js";
import { type Customer, unlimited, type World } from "./world.js";

export interface Thing {
    make: (world: World, of: Customer) => Promise<string>;
    shared?: true; // everybody's, or staff's: there is no foreign one
    by?: (world: World, of: Customer) => Promise<Api>; // who it belongs to, where that is not the customer
}

type Maker = Thing["make"];
const own = (make: Maker): Thing => ({ make });
const shared = (make: (world: World) => string | Promise<string>): Thing => ({ make: async (world) => make(world), shared: true });
const made = (path: string, body: object): Maker => async (_world, of) => (await of.api.expect(201, "POST", path, { body })).id;

// A key that nobody has the other half of.
export const sshKey = (comment = "matrix") =>
    `ssh-ed25519 ${Buffer.concat([Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0\x20", "latin1"), randomBytes(32)]).toString("base64")} ${comment}`;

const vps: Maker = async (world, of) => (await world.createVps({}, of.api)).id;

async function snapshot(world: World, of: Customer): Promise<string> {
    const { snapshot, task } = await of.api.expect(202, "POST", `/v1/vps/${await vps(world, of)}/snapshots`);
    await of.api.settled(task.id);
    return snapshot.id;
}

// A vps with a schedule, so that each part of it can be read.
async function whole(world: World, of: Customer): Promise<string> {
    const id = await vps(world, of);
    await of.api.expect(200, "PUT", `/v1/vps/${id}/snapshot-schedule`, { body: { daily: 1 } });
    return id;
}

// One of the tenant's own, as if it had been published.
const image: Maker = (world, of) =>
    world.cluster.sql(`INSERT INTO images (tenant_id, name, title, os, arch, sha256, size, signature, public)
        VALUES ('${of.id}', '${randomUUID()}', 'own', 'debian', 'amd64', md5(random()::text) || md5(random()::text), 1, repeat('ab', 64), false) RETURNING id`);

// A forwarded port as the database has it: the plan of most tests has no private address.
async function portForward(world: World, of: Customer): Promise<string> {
    const id = await vps(world, of);
    return world.cluster.sql(`INSERT INTO port_forwards (tenant_id, vps_id, node_id, protocol, host_port, port)
        SELECT tenant_id, id, node_id, 'tcp', 30000 + (SELECT count(*) FROM port_forwards), 22 FROM vps WHERE id = '${id}' RETURNING id`);
}

const webhook = made("/v1/webhooks", { url: "https://hooks.example.org/", events: ["backup.*"] });

// Of an attempt that is over: nothing goes out.
async function delivery(world: World, of: Customer): Promise<string> {
    return world.cluster.sql(`INSERT INTO webhook_deliveries (webhook_id, tenant_id, action, state, next_at, ended_at)
        VALUES ('${await webhook(world, of)}', '${of.id}', 'webhook.test', 'failed', NULL, now()) RETURNING id`);
}

const user = (world: World, of: Customer) => world.cluster.sql(`SELECT user_id FROM memberships WHERE tenant_id = '${of.id}' ORDER BY created_at LIMIT 1`);

async function session(world: World, of: Customer): Promise<string> {
    const { email, password } = of;
    const { access_token } = await new Api(world.server.url).expect(201, "POST", "/v1/sessions", { body: { email, password } });
    const { items } = await new Api(world.server.url, access_token).expect(200, "GET", "/v1/sessions");
    return items.find((one: any) => one.current).id;
}

// What a month was charged for, as an invoice that is final.
const invoice: Maker = (world, of) =>
    world.cluster.sql(`INSERT INTO charges (account_id, month, key, number, tenant_id, meter, description, from_ts, to_ts, quantity, unit, unit_price,
            amount, currency, tax_rate, tax_amount, tax_name, evidence)
        SELECT '${of.id}', '2026-01-01', '${randomUUID()}', 0, '${of.id}', 'plan', 'Small', '2026-01-01Z', '2026-02-01Z', 1, 'month', 5, 5, 'EUR', 19, 0.95, 'VAT', '{}';
        SELECT (croft_invoice_finalise(croft_invoice_draft(a, '2026-01-01'), a)).id FROM croft_account_lock('${of.id}') a`);

const provider: Maker = (world) =>
    world.cluster.sql(`INSERT INTO payment_providers (seller_id, kind, title, secret)
        VALUES (croft_root(), 'webhook', 'Cards', 'v1.k.' || repeat('A', 60)) RETURNING id`);

const payment: Maker = async (world, of) =>
    world.cluster.sql(`INSERT INTO payments (tenant_id, seller_id, provider_id, method, amount, currency)
        SELECT tenant_id, seller_id, '${await provider(world, of)}', 'webhook', 5, 'EUR' FROM billing_accounts WHERE tenant_id = '${of.id}' RETURNING id`);

const monthEnd: Maker = (world, of) =>
    world.cluster.sql(`INSERT INTO month_ends (tenant_id, month, currency, next_at) VALUES ('${of.id}', '2999-01-01', 'EUR', 'infinity')
        ON CONFLICT (tenant_id, month) DO UPDATE SET updated_at = now() RETURNING id`);

const promotion = async (world: World) =>
    (await world.operator.expect(201, "POST", "/v1/admin/promotions", { body: { code: randomUUID().slice(0, 8).toUpperCase(), amount: "5.00" } })).id;

const promotionOfReseller: Maker = async (world, of) =>
    (await (await resellerOf(world, of)).api.expect(201, "POST", "/v1/promotions", { body: { code: randomUUID().slice(0, 8).toUpperCase(), amount: "5.00" } })).id;

const paymentBelow: Maker = async (world, of) =>
    (await (await resellerOf(world, of)).api.expect(201, "POST", `/v1/tenants/${await child(world, of)}/payments`, { body: { amount: "5.00", reference: "till" } })).id;

const monthEndBelow: Maker = async (world, of) => monthEnd(world, { ...of, id: await child(world, of) });

const invitation: Maker = (world, of) =>
    world.cluster.sql(`INSERT INTO invitations (tenant_id, email, role, token_hash, expires_at)
        VALUES ('${of.id}', '${randomUUID()}@example.org', 'viewer', md5(random()::text) || md5(random()::text), now() + interval '1 day') RETURNING id`);

// ---- What belongs to a reseller: one for each customer.

const resellers = new WeakMap<Customer, Promise<Customer>>();

function resellerOf(world: World, of: Customer): Promise<Customer> {
    const one = resellers.get(of) ?? world.createCustomer(unlimited, "owner", "reseller");
    resellers.set(of, one);
    return one;
}

const reseller: Thing["by"] = async (world, of) => (await resellerOf(world, of)).api;

const child: Maker = async (world, of) => (await (await resellerOf(world, of)).api.expect(201, "POST", "/v1/tenants", { body: { name: randomUUID() } })).id;

async function offer(world: World): Promise<string> {
    const { api } = await resellerOf(world, world.customer);
    const body = { price_month: "4.00", price_hour: "0.01", currency: "EUR" };
    const known = await api.raw("GET", `/v1/plan-offers/${world.plan.id}`);
    const etag = known.headers.get("etag");
    await api.expect(etag ? 200 : 201, "PUT", `/v1/plan-offers/${world.plan.id}`, { body, headers: etag ? { "If-Match": etag } : {} });
    return world.plan.id;
}

async function planVersion(world: World): Promise<string> {
    const body = { valid_from: "2040-01-01T00:00:00Z", price_month: "9.00", price_hour: "0.02", currency: "EUR" };
    const answer = await world.operator.expect(201, "POST", `/v1/admin/plans/${world.plan.id}/versions`, { body });
    return answer.id;
}

// ---- Prices: a book of euros that each seller has one of, a version and a rule that do not hold yet.

const sellerOf = async (world: World, of: Customer) => ({ api: (await resellerOf(world, of)).api, base: "/v1" });
const operators = async (world: World) => ({ api: world.operator, base: "/v1/admin" });
type Seller = (world: World, of: Customer) => Promise<{ api: Api; base: string }>;

const priceBook = (seller: Seller): Maker => async (world, of) => {
    const { api, base } = await seller(world, of);
    const made = await api.raw("POST", `${base}/price-books`, { body: { currency: "EUR", name: "Standard" } });
    return made.status === 201 ? made.json.id : (await api.expect(200, "GET", `${base}/price-books`)).items[0].id;
};

let began = 2040; // no two begin at a time

const priceVersion = (seller: Seller): Maker => async (world, of) => {
    const { api, base } = await seller(world, of);
    const body = { valid_from: `${began++}-01-01T00:00:00Z`, items: [{ meter: "traffic", price_unit: "1.00" }] };
    return (await api.expect(201, "POST", `${base}/price-books/${await priceBook(seller)(world, of)}/versions`, { body })).id;
};

const taxRule = (seller: Seller): Maker => async (world, of) => {
    const { api, base } = await seller(world, of);
    const body = { country: "DE", rate: "19", name: "VAT", valid_from: `${began++}-01-01T00:00:00Z` };
    return (await api.expect(201, "POST", `${base}/tax-rules`, { body })).id;
};

// As if a month had been charged.
const charge: Maker = (world, of) =>
    world.cluster.sql(`INSERT INTO charges (account_id, month, key, number, tenant_id, meter, description, from_ts, to_ts, quantity, unit, unit_price,
        amount, currency, tax_rate, tax_amount, evidence)
        VALUES ('${of.id}', '2024-04-01', '${randomUUID()}', 0, '${of.id}', 'traffic', 'Traffic', '2024-04-01Z', '2024-05-01Z', 1, 'TB', 1, 1, 'EUR', 0, 0, '{}')
        RETURNING id`);

const joinToken = async (world: World) => (await world.operator.expect(201, "POST", "/v1/admin/join-tokens", { body: { location_id: world.location.id } })).id;
const pool = async (world: World) => (await world.operator.expect(200, "GET", "/v1/admin/pools")).items[0].id;

export const things: Record<string, Thing> = {
    "/v1/sessions/": own(session),
    "/v1/members/": own(user),
    "/v1/invitations/": own(invitation),
    "/v1/tokens/": own(made("/v1/tokens", { name: "matrix" })),
    "/v1/vps/": own(whole),
    "/v1/snapshots/": own(snapshot),
    "/v1/port-forwards/": own(portForward),
    "/v1/ssh-keys/": own(async (world, of) => made("/v1/ssh-keys", { name: randomUUID(), public_key: sshKey() })(world, of)),
    "/v1/address-sets/": own(async (world, of) => made("/v1/address-sets", { name: randomUUID(), cidrs: ["192.0.2.0/24"] })(world, of)),
    "/v1/networks/": own(async (world, of) => made("/v1/networks", { name: randomUUID() })(world, of)),
    "/v1/tasks/": own(async (world, of) => (await of.api.expect(200, "GET", `/v1/tasks?vps_id=${await vps(world, of)}`)).items[0].id),
    "/v1/webhooks/": own(webhook),
    "/v1/webhook-deliveries/": own(delivery),
    "/v1/tenants/": { make: child, by: reseller },
    "/v1/invoices/": own(invoice),
    "/v1/payments/": own(payment),
    "/v1/payment-webhooks/": shared((world) => provider(world, world.customer)),
    "/v1/payments/{id}/refund": { make: paymentBelow, by: reseller },
    "/v1/promotions/": { make: promotionOfReseller, by: reseller },
    "/v1/month-ends/": { make: monthEndBelow, by: reseller },
    "/v1/admin/invoices/": shared((world) => invoice(world, world.customer)),
    "/v1/admin/payments/": shared((world) => payment(world, world.customer)),
    "/v1/admin/promotions/": shared(promotion),
    "/v1/admin/payment-providers/": shared((world) => provider(world, world.customer)),
    "/v1/admin/month-ends/": shared((world) => monthEnd(world, world.customer)),
    "/v1/plan-offers/": { ...shared(offer), by: reseller },
    "/v1/charges/": own(charge),
    "/v1/price-books/": { make: priceBook(sellerOf), by: reseller },
    "/v1/price-book-versions/": { make: priceVersion(sellerOf), by: reseller },
    "/v1/tax-rules/": { make: taxRule(sellerOf), by: reseller },
    "/v1/locations/": shared((world) => world.location.id),
    "/v1/plans/": shared((world) => world.plan.id),
    "/v1/images/": own(image),
    "/v1/admin/tenants/": shared((world) => world.customer.id),
    "/v1/admin/users/": shared((world) => user(world, world.customer)),
    "/v1/admin/plans/": shared((world) => world.plan.id),
    "/v1/admin/plan-versions/": shared(planVersion),
    "/v1/admin/nodes/": shared((world) => world.node),
    "/v1/admin/locations/": shared((world) => world.location.id),
    "/v1/admin/vps/": shared(async (world) => (await world.createVps()).id),
    "/v1/admin/tasks/": shared(async (world) => (await world.customer.api.expect(200, "GET", `/v1/tasks?vps_id=${await vps(world, world.customer)}`)).items[0].id),
    "/v1/admin/images/": shared((world) => world.image.id),
    "/v1/admin/pools/": shared(pool),
    "/v1/admin/join-tokens/": shared(joinToken),
    "/v1/admin/charges/": { make: charge, shared: true },
    "/v1/admin/price-books/": { make: priceBook(operators), shared: true },
    "/v1/admin/price-book-versions/": { make: priceVersion(operators), shared: true },
    "/v1/admin/tax-rules/": { make: taxRule(operators), shared: true },
};

// What a path has before its id, or the whole of one whose thing is another's: the key of things.
export const kindOf = ({ path }: { path: string }) => (path in things ? path : path.slice(0, path.indexOf("{")));
