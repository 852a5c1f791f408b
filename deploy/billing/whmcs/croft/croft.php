<?php

// Provisioning module of WHMCS for Croft: one service is one vps, each order one call. docs/billing-modules.md says how to set it up.

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

require_once __DIR__ . '/CroftApi.php';

use WHMCS\Database\Capsule;

function croft_MetaData()
{
    return ['DisplayName' => 'Croft VPS', 'APIVersion' => '1.1', 'RequiresServer' => true, 'DefaultNonSSLPort' => '80', 'DefaultSSLPort' => '443'];
}

// In this order they are configoption1, 2, 3, 4.
function croft_ConfigOptions()
{
    return [
        'Plan' => ['Type' => 'text', 'Size' => '40', 'Description' => 'id of the plan'],
        'Image' => ['Type' => 'text', 'Size' => '40', 'Description' => 'id of the image, unless the customer chooses one ("Image" as configurable option)'],
        'Location' => ['Type' => 'text', 'Size' => '40', 'Description' => 'id of the location'],
        'Tenant' => ['Type' => 'text', 'Size' => '40', 'Description' => 'id of a tenant below the token\'s, empty: the token\'s own'],
    ];
}

function croft_api(array $params): CroftApi
{
    $scheme = $params['serversecure'] ? 'https' : 'http';
    $port = $params['serverport'] ? ':' . $params['serverport'] : '';
    return new CroftApi("$scheme://{$params['serverhostname']}$port", $params['serveraccesshash'], $params['configoption4'] ?? '');
}

function croft_ref(array $params): string
{
    return 'whmcs-' . $params['serviceid'];
}

function croft_vps_id(array $params): string
{
    $id = (string) $params['model']->serviceProperties->get('Croft VPS');
    if ($id === '') {
        throw new RuntimeException('This service has no vps: it was not created.');
    }
    return $id;
}

// Runs an order. WHMCS wants 'success', or what is wrong.
function croft_order(string $action, array $params, callable $do)
{
    try {
        $do(croft_api($params));
        return 'success';
    } catch (Throwable $error) {
        logModuleCall('croft', $action, ['serviceid' => $params['serviceid']], $error->getMessage(), (string) $error, [$params['serveraccesshash']]);
        return $error->getMessage();
    }
}

// A host name of what the customer ordered; the service's number makes it unique.
function croft_name(array $params): string
{
    $label = strtolower(explode('.', (string) ($params['domain'] ?? ''))[0]);
    $label = trim(substr(preg_replace('/[^a-z0-9-]+/', '-', $label), 0, 40), '-');
    return ($label === '' ? 'vps' : $label) . '-' . $params['serviceid'];
}

function croft_CreateAccount(array $params)
{
    return croft_order(__FUNCTION__, $params, function (CroftApi $api) use ($params) {
        $order = [
            'name' => croft_name($params),
            'plan_id' => $params['configoption1'],
            'image_id' => ($params['configoptions']['Image'] ?? '') ?: $params['configoption2'],
            'location_id' => $params['configoption3'],
            'labels' => ['billing' => 'whmcs'],
        ];
        $key = trim((string) ($params['customfields']['SSH key'] ?? ''));
        if ($key !== '') {
            $order['ssh_keys'] = [$key];
        }
        $vps = $api->create(croft_ref($params), $order);
        $params['model']->serviceProperties->save(['Croft VPS' => $vps['id']]);
        $addresses = array_column($vps['addresses'] ?? [], 'address');
        if ($addresses) {
            Capsule::table('tblhosting')->where('id', $params['serviceid'])
                ->update(['dedicatedip' => $addresses[0], 'assignedips' => implode("\n", array_slice($addresses, 1))]);
        }
    });
}

function croft_SuspendAccount(array $params)
{
    return croft_order(__FUNCTION__, $params, function (CroftApi $api) use ($params) {
        $api->suspend(croft_vps_id($params), (string) ($params['suspendreason'] ?? 'Overdue on Payment'));
    });
}

function croft_UnsuspendAccount(array $params)
{
    return croft_order(__FUNCTION__, $params, function (CroftApi $api) use ($params) {
        $api->resume(croft_vps_id($params));
    });
}

function croft_TerminateAccount(array $params)
{
    return croft_order(__FUNCTION__, $params, function (CroftApi $api) use ($params) {
        $api->delete(croft_vps_id($params));
        $params['model']->serviceProperties->save(['Croft VPS' => '']);
    });
}

function croft_ChangePackage(array $params)
{
    return croft_order(__FUNCTION__, $params, function (CroftApi $api) use ($params) {
        $api->resize(croft_vps_id($params), $params['configoption1']);
    });
}

// The password of root.
function croft_ChangePassword(array $params)
{
    return croft_order(__FUNCTION__, $params, function (CroftApi $api) use ($params) {
        $api->password(croft_vps_id($params), $params['password']);
    });
}

function croft_start(array $params)
{
    return croft_order(__FUNCTION__, $params, function (CroftApi $api) use ($params) {
        $api->power(croft_vps_id($params), 'start');
    });
}

function croft_stop(array $params)
{
    return croft_order(__FUNCTION__, $params, function (CroftApi $api) use ($params) {
        $api->power(croft_vps_id($params), 'stop');
    });
}

function croft_reboot(array $params)
{
    return croft_order(__FUNCTION__, $params, function (CroftApi $api) use ($params) {
        $api->power(croft_vps_id($params), 'reboot');
    });
}

function croft_AdminCustomButtonArray()
{
    return ['Start' => 'start', 'Stop' => 'stop', 'Reboot' => 'reboot'];
}

function croft_ClientAreaCustomButtonArray()
{
    return croft_AdminCustomButtonArray();
}

function croft_TestConnection(array $params)
{
    try {
        croft_api($params)->whoami();
        return ['success' => true, 'error' => ''];
    } catch (Throwable $error) {
        return ['success' => false, 'error' => $error->getMessage()];
    }
}

// What WHMCS keeps of the services on a server, in MB: the mean of the disk, all traffic of the month. One call for a thousand of them.
function croft_UsageUpdate(array $params)
{
    try {
        foreach (croft_api($params)->usage(gmdate('Y-m')) as $one) {
            if (!preg_match('/^whmcs-([0-9]+)$/', (string) $one['external_ref'], $found)) {
                continue;
            }
            $seconds = max($one['seconds'], 1);
            Capsule::table('tblhosting')->where('server', $params['serverid'])->where('id', (int) $found[1])->update([
                'diskusage' => intdiv((int) ($one['disk_used_byte_seconds'] / $seconds), 1048576),
                'disklimit' => intdiv((int) ($one['disk_byte_seconds'] / $seconds), 1048576),
                'bwusage' => intdiv($one['net_rx_bytes'] + $one['net_tx_bytes'], 1048576),
                'lastupdate' => gmdate('Y-m-d H:i:s'),
            ]);
        }
    } catch (Throwable $error) {
        logModuleCall('croft', __FUNCTION__, ['serverid' => $params['serverid']], $error->getMessage(), (string) $error, [$params['serveraccesshash']]);
    }
}

function croft_ClientArea(array $params)
{
    try {
        $vps = croft_api($params)->read(croft_vps_id($params));
    } catch (Throwable $error) {
        return ['templatefile' => 'clientarea', 'vars' => ['error' => $error->getMessage(), 'vps' => null]];
    }
    return ['templatefile' => 'clientarea', 'vars' => ['error' => '', 'vps' => $vps]];
}
