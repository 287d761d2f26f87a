<?php
Route::get('/balance', [BalanceController::class, 'show']);
Route::post('/login', 'AuthController@login');
Route::get('/subusers', 'SubUserController@index');
$data = ['username' => 'joe', 'password' => 'required|min:8'];
