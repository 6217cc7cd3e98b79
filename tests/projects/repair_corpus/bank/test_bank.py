import pytest
from bank import Account

def test_withdraw_all():
    account = Account(10)
    account.withdraw(10)
    assert account.balance == 0

def test_too_much():
    with pytest.raises(ValueError):
        Account(5).withdraw(6)

def test_transfer():
    a, b = Account(10), Account()
    a.transfer(4, b)
    assert (a.balance, b.balance) == (6, 4)
    assert b.history == [("deposit", 4)]
