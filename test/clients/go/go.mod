module onramp-client-test

go 1.24
