<?php

// The API of Croft for modules of billing systems: one method a call, one call an order. docs/billing-modules.md says what each does.
// Needs PHP 7.4 or newer with curl and json.

class CroftError extends RuntimeException
{
    public string $slug; // what the API calls it, to decide by
    public ?string $existing; // the id of what is in the way

    public function __construct(string $detail, int $status, string $slug, ?string $existing = null)
    {
        parent::__construct($detail, $status);
        $this->slug = $slug;
        $this->existing = $existing;
    }
}

class CroftApi
{
    private const ATTEMPTS = 3;
    private const TIMEOUT_S = 100;
    private const WAIT_S = 60;

    private string $url;
    private string $token;
    private ?string $tenant;

    // $tenant: whose vps these are, if the token is a reseller's and they are not its own.
    public function __construct(string $url, string $token, ?string $tenant = null)
    {
        $this->url = rtrim($url, '/');
        $this->token = trim($token);
        $this->tenant = $tenant ?: null;
    }

    // Who the token is: to test a connection.
    public function whoami(): array
    {
        return $this->call('GET', '/v1/session');
    }

    // Returns the vps. Sent again, also a year later, it makes no second one: external_ref is unique.
    public function create(string $ref, array $order): array
    {
        try {
            return $this->call('POST', '/v1/vps', $order + ['external_ref' => $ref], true)['vps'];
        } catch (CroftError $error) {
            if ($error->slug === 'external_ref_exists' && $error->existing !== null) {
                return ['id' => $error->existing];
            }
            throw $error;
        }
    }

    // The id by the reference, for systems that have no place to keep an id; null: there is none.
    public function find(string $ref): ?string
    {
        return $this->call('GET', '/v1/vps?external_ref=' . rawurlencode($ref))['items'][0]['id'] ?? null;
    }

    public function read(string $id): array
    {
        return $this->call('GET', "/v1/vps/$id");
    }

    public function suspend(string $id, string $reason): array
    {
        return $this->call('POST', "/v1/vps/$id/suspend", ['reason' => preg_replace('/^(.{1,500}).*$/su', '$1', $reason) ?: 'suspended']);
    }

    public function resume(string $id): array
    {
        return $this->call('POST', "/v1/vps/$id/resume");
    }

    // What is gone already is as ordered.
    public function delete(string $id): void
    {
        try {
            $this->call('DELETE', "/v1/vps/$id", null, true);
        } catch (CroftError $error) {
            if ($error->getCode() !== 404) {
                throw $error;
            }
        }
    }

    public function resize(string $id, string $plan): array
    {
        return $this->call('POST', "/v1/vps/$id/resize", ['plan_id' => $plan], true);
    }

    public function power(string $id, string $order): array
    {
        if (!in_array($order, ['start', 'stop', 'reboot'], true)) {
            throw new InvalidArgumentException("no such order: $order");
        }
        return $this->call('POST', "/v1/vps/$id/$order", null, true);
    }

    public function password(string $id, string $password): array
    {
        return $this->call('POST', "/v1/vps/$id/password", ['password' => $password], true);
    }

    // A ticket for one WebSocket to the console, good for 30 seconds.
    public function console(string $id): array
    {
        return $this->call('POST', "/v1/vps/$id/console", ['kind' => 'login']);
    }

    // What all vps were and used in a month (2026-11): a call for each thousand.
    public function usage(string $month): array
    {
        $all = [];
        $cursor = '';
        do {
            $page = $this->call('GET', "/v1/usage?limit=1000&month=$month" . ($cursor ? '&cursor=' . rawurlencode($cursor) : ''));
            $all = array_merge($all, $page['items']);
            $cursor = $page['next_cursor'];
        } while ($cursor !== null);
        return $all;
    }

    // One order. Who loses the answer sends it again with the same key, so that it takes effect once.
    private function call(string $method, string $path, ?array $body = null, bool $wait = false): array
    {
        $headers = ["Authorization: Bearer {$this->token}", 'Accept: application/json', 'Expect:'];
        if ($this->tenant !== null) {
            $headers[] = "Croft-Tenant: {$this->tenant}";
        }
        if ($method === 'POST') {
            $headers[] = 'Idempotency-Key: ' . bin2hex(random_bytes(16));
        }
        if ($wait) {
            $headers[] = 'Prefer: wait=' . self::WAIT_S;
        }
        if ($body !== null) {
            $headers[] = 'Content-Type: application/json';
        }
        for ($attempt = 1;; $attempt++) {
            [$status, $text, $failure] = $this->send($method, $path, $headers, $body === null ? '' : json_encode($body));
            $again = $status === 0 || in_array($status, [429, 502, 503, 504], true);
            if (!$again || $attempt === self::ATTEMPTS) {
                return $this->answer($status, $text, $failure);
            }
            sleep($attempt);
        }
    }

    private function send(string $method, string $path, array $headers, string $body): array
    {
        $curl = curl_init($this->url . $path);
        curl_setopt_array($curl, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_FOLLOWLOCATION => false, // the token is for this address
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_CONNECTTIMEOUT => 10,
            CURLOPT_TIMEOUT => self::TIMEOUT_S,
        ]);
        if ($body !== '' || $method === 'POST') {
            curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
        }
        $text = curl_exec($curl);
        $result = [(int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE), (string) $text, curl_error($curl)];
        curl_close($curl);
        return $result;
    }

    private function answer(int $status, string $text, string $failure): array
    {
        if ($status === 0) {
            throw new CroftError("Croft cannot be reached: $failure", 0, 'unreachable');
        }
        $json = $text === '' ? [] : json_decode($text, true);
        if (!is_array($json)) {
            throw new CroftError("Croft answered $status, and no JSON.", $status, 'malformed');
        }
        if ($status >= 400) {
            throw new CroftError($json['detail'] ?? "Croft answered $status.", $status, $json['code'] ?? 'internal', $json['existing']['id'] ?? null);
        }
        // A task that has failed is an answer, too.
        if (($json['task']['status'] ?? '') === 'failed') {
            throw new CroftError($json['task']['error']['detail'] ?? 'The node failed.', $status, $json['task']['error']['code'] ?? 'internal');
        }
        return $json;
    }
}
