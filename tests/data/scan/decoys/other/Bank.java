public class Bank {
    public BigDecimal balance(Account account) {
        return accountService.getBalance(account.getId(), account.getCurrency());
    }
    void stop() { connection.close(); }
}
