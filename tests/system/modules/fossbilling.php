<?php

// What FOSSBilling is to a server manager, so far as ours asks. fossbilling.php MANAGER: a line of JSON
// {options, method, account, package?, argument?} each on standard input; answers {result} or {error} the same way.

error_reporting(E_ALL);
set_error_handler(function ($level, $message, $file, $line) {
    throw new ErrorException($message, 0, $level, $file, $line);
});

class Server_Exception extends Exception
{
}

class Server_Package
{
    private array $values;

    public function __construct(array $values)
    {
        $this->values = $values;
    }

    public function getCustomValue(string $name)
    {
        return $this->values[$name] ?? null;
    }
}

class Server_Account
{
    public array $is;

    public function __construct(array $is)
    {
        $this->is = $is;
    }

    public function getUsername(): ?string
    {
        return $this->is['username'];
    }

    public function getNote(): ?string
    {
        return $this->is['note'] ?? null;
    }

    public function getPackage(): Server_Package
    {
        return new Server_Package($this->is['package']);
    }

    public function setSuspended(bool $suspended): self
    {
        $this->is['suspended'] = $suspended;
        return $this;
    }

    public function setIp(?string $ip): self
    {
        $this->is['ip'] = $ip;
        return $this;
    }
}

abstract class Server_Manager
{
    protected array $_config = ['host' => null, 'secure' => false, 'accesshash' => null, 'port' => null];

    public function __construct(array $options)
    {
        $this->_config = $options + $this->_config;
    }

    abstract public function getLoginUrl(?Server_Account $account);
    abstract public function getResellerLoginUrl(?Server_Account $account);
    abstract public function testConnection();
    abstract public function createAccount(Server_Account $account);
    abstract public function synchronizeAccount(Server_Account $account);
    abstract public function suspendAccount(Server_Account $account);
    abstract public function unsuspendAccount(Server_Account $account);
    abstract public function cancelAccount(Server_Account $account);
    abstract public function changeAccountPassword(Server_Account $account, string $newPassword);
    abstract public function changeAccountUsername(Server_Account $account, string $newUsername);
    abstract public function changeAccountDomain(Server_Account $account, string $newDomain);
    abstract public function changeAccountIp(Server_Account $account, string $newIp);
    abstract public function changeAccountPackage(Server_Account $account, Server_Package $package);
}

require $argv[1];
while (($line = fgets(STDIN)) !== false) {
    $ask = json_decode($line, true);
    $manager = new Server_Manager_Croft($ask['options']);
    $arguments = array_merge(isset($ask['account']) ? [new Server_Account($ask['account'])] : [],
        isset($ask['package']) ? [new Server_Package($ask['package'])] : [], isset($ask['argument']) ? [$ask['argument']] : []);
    try {
        $result = $manager->{$ask['method']}(...$arguments);
        echo json_encode(['result' => $result instanceof Server_Account ? $result->is : $result]), "\n";
    } catch (Server_Exception $error) {
        echo json_encode(['error' => $error->getMessage()]), "\n";
    }
}
