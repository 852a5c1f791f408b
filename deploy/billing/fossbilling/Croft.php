<?php

// Server manager of FOSSBilling for Croft: one account is one vps, each order one call. docs/billing-modules.md says how to set it up.

require_once __DIR__ . '/../../Croft/CroftApi.php';

class Server_Manager_Croft extends Server_Manager
{
    public static function getForm(): array
    {
        return [
            'label' => 'Croft',
            'form' => [
                'credentials' => [
                    'fields' => [
                        ['name' => 'accesshash', 'type' => 'text', 'label' => 'Token', 'placeholder' => 'of a reseller, or of a tenant', 'required' => true],
                    ],
                ],
            ],
        ];
    }

    private function api(): CroftApi
    {
        $scheme = ($this->_config['secure'] ?? false) ? 'https' : 'http';
        $port = $this->_config['port'] ? ':' . $this->_config['port'] : '';
        return new CroftApi("$scheme://{$this->_config['host']}$port", (string) $this->_config['accesshash']);
    }

    // The account's name in FOSSBilling is unique on a server: by it the vps is found.
    private static function ref(Server_Account $account): string
    {
        return 'fossbilling-' . $account->getUsername();
    }

    private function order(callable $do)
    {
        try {
            return $do($this->api());
        } catch (Throwable $error) {
            throw new Server_Exception($error->getMessage());
        }
    }

    // An order for the vps of an account. FOSSBilling has no place to keep its id, so it is looked up first.
    private function on(Server_Account $account, callable $do)
    {
        return $this->order(function (CroftApi $api) use ($account, $do) {
            $id = $api->find(self::ref($account));
            if ($id === null) {
                throw new CroftError('This account has no vps.', 404, 'not_found');
            }
            return $do($api, $id);
        });
    }

    public function getLoginUrl(?Server_Account $account = null): string
    {
        return ($this->_config['secure'] ? 'https' : 'http') . '://' . $this->_config['host'] . ($this->_config['port'] ? ':' . $this->_config['port'] : '') . '/';
    }

    public function getResellerLoginUrl(?Server_Account $account = null): string
    {
        return $this->getLoginUrl($account);
    }

    public function testConnection(): bool
    {
        $this->order(fn (CroftApi $api) => $api->whoami());
        return true;
    }

    // What a package says as custom values: plan_id, image_id, location_id.
    public function createAccount(Server_Account $account): bool
    {
        $package = $account->getPackage();
        $name = trim(substr(preg_replace('/[^a-z0-9-]+/', '-', strtolower($account->getUsername())), 0, 63), '-');
        $this->order(fn (CroftApi $api) => $api->create(self::ref($account), [
            'name' => $name,
            'plan_id' => $package->getCustomValue('plan_id'),
            'image_id' => $package->getCustomValue('image_id'),
            'location_id' => $package->getCustomValue('location_id'),
            'labels' => ['billing' => 'fossbilling'],
        ]));
        return true;
    }

    public function suspendAccount(Server_Account $account): bool
    {
        $this->on($account, fn (CroftApi $api, string $id) => $api->suspend($id, $account->getNote() ?: 'Suspended by billing'));
        return true;
    }

    public function unsuspendAccount(Server_Account $account): bool
    {
        $this->on($account, fn (CroftApi $api, string $id) => $api->resume($id));
        return true;
    }

    public function cancelAccount(Server_Account $account): bool
    {
        $this->order(function (CroftApi $api) use ($account) {
            $id = $api->find(self::ref($account));
            if ($id !== null) { // what is gone already is as ordered
                $api->delete($id);
            }
        });
        return true;
    }

    public function changeAccountPackage(Server_Account $account, Server_Package $package): bool
    {
        $this->on($account, fn (CroftApi $api, string $id) => $api->resize($id, $package->getCustomValue('plan_id')));
        return true;
    }

    // The password of root.
    public function changeAccountPassword(Server_Account $account, string $newPassword): bool
    {
        $this->on($account, fn (CroftApi $api, string $id) => $api->password($id, $newPassword));
        return true;
    }

    public function synchronizeAccount(Server_Account $account): Server_Account
    {
        $vps = $this->on($account, fn (CroftApi $api, string $id) => $api->read($id));
        $new = clone $account;
        $new->setSuspended($vps['suspended'] !== null);
        if ($vps['addresses']) {
            $new->setIp($vps['addresses'][0]['address']);
        }
        return $new;
    }

    public function changeAccountUsername(Server_Account $account, string $newUsername): bool
    {
        throw new Server_Exception('The name of a vps stays: its bill is known by it.');
    }

    public function changeAccountDomain(Server_Account $account, string $newDomain): bool
    {
        throw new Server_Exception('A vps has a host name, which its owner sets.');
    }

    public function changeAccountIp(Server_Account $account, string $newIp): bool
    {
        throw new Server_Exception('Croft chooses the addresses of a vps.');
    }
}
