<?php

// What WHMCS is to a provisioning module, so far as ours asks: functions, the database's query builder, a service's properties.
// whmcs.php MODULE: a line of JSON {function, params} each on standard input; answers {result, properties, updates, log} the same way.

namespace WHMCS\Database {
    class Capsule
    {
        public static array $updates = [];
        private array $where = [];
        private string $table;

        public static function table(string $name): self
        {
            $query = new self();
            $query->table = $name;
            return $query;
        }

        public function where(string $column, $value): self
        {
            $this->where[$column] = $value;
            return $this;
        }

        public function update(array $values): int
        {
            self::$updates[] = ['table' => $this->table, 'where' => $this->where, 'set' => $values];
            return 1;
        }
    }
}

namespace {
    error_reporting(E_ALL);
    set_error_handler(function ($level, $message, $file, $line) {
        throw new \ErrorException($message, 0, $level, $file, $line);
    });
    define('WHMCS', true);
    $log = [];
    function logModuleCall($module, $action, $request, $response, $processed = '', $secrets = [])
    {
        $GLOBALS['log'][] = str_replace($secrets, '***', json_encode([$module, $action, $request, $response]));
    }

    class Properties
    {
        public array $all = [];

        public function get(string $name)
        {
            return $this->all[$name] ?? '';
        }

        public function save(array $values): void
        {
            $this->all = $values + $this->all;
        }
    }

    require $argv[1];
    $services = [];
    while (($line = fgets(STDIN)) !== false) {
        $ask = json_decode($line, true);
        $params = $ask['params'];
        $id = $params['serviceid'] ?? 0;
        $services[$id] ??= (object) ['serviceProperties' => new Properties()];
        $params['model'] = $services[$id];
        \WHMCS\Database\Capsule::$updates = $log = [];
        try {
            $result = $ask['function']($params);
        } catch (\Throwable $error) {
            $result = 'threw: ' . $error;
        }
        echo json_encode(['result' => $result, 'properties' => (object) $services[$id]->serviceProperties->all,
            'updates' => \WHMCS\Database\Capsule::$updates, 'log' => $log]), "\n";
    }
}
